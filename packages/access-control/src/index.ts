/** Authentication and authorization by client certificates and Kubernetes reviews. */
export {
  CertificateRefusal,
  Denied,
  NotAuthenticated,
  Overloaded,
  ReviewKind,
  Undecided
} from "./AccessError.ts"
export { Authenticator, type PresentedCredentials } from "./Authenticator.ts"
export { Authorizer } from "./Authorizer.ts"
export type { ClientCertificate, CertificateResult } from "./ClientCertificate.ts"
export * as PeerCertificate from "./PeerCertificate.ts"
export * as ResourceRule from "./ResourceRule.ts"
export { Forbidden, Invalid, ReviewError, Unreachable } from "./ReviewError.ts"
export { Reviews } from "./Reviews.ts"
export { authenticatedGroup, User } from "./User.ts"
