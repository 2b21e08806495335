/** A client that pulls packages from upstream registries over the OCI distribution protocol. */
export * as NodeUpstream from "./NodeUpstream.ts"
export { RegistryClient } from "./RegistryClient.ts"
export {
  AddressRefused,
  AnonymousRefused,
  BadRedirect,
  BlobNotFound,
  ConnectionFailed,
  InvalidResponse,
  LoginElsewhere,
  ManifestNotFound,
  OtherServer,
  Refused,
  RegistryError,
  TimedOut,
  TokenRefused,
  Unavailable,
  UnexpectedStatus
} from "./RegistryError.ts"
export type { Repository } from "./Repository.ts"
export { type UpstreamTarget, Upstream } from "./Upstream.ts"
