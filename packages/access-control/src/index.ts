/** Decides who may do what, by certificates and by Kubernetes' reviews. */
export {
  CertificateRefusal,
  Denied,
  NotAuthenticated,
  Overloaded,
  ReviewKind,
  Undecided
} from "./AccessError.ts"
export { Authenticator, type Presented } from "./Authenticator.ts"
export { Authorizer } from "./Authorizer.ts"
export type { ClientCertificate, Shown } from "./ClientCertificate.ts"
export * as KubernetesReviews from "./KubernetesReviews.ts"
export * as PeerCertificate from "./PeerCertificate.ts"
export * as ResourceRule from "./ResourceRule.ts"
export { Forbidden, Invalid, ReviewError, Reviews, Unreachable } from "./Reviews.ts"
export { authenticatedGroup, User } from "./User.ts"
