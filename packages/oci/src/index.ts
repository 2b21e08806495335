/** Schemas and pure functions for the OCI and Docker formats that registries use. */
export type { Descriptor } from "./Descriptor.ts"
export { Digest, type DigestAlgorithm, isDigest } from "./Digest.ts"
export { digestOf, DigestVerifier } from "./DigestVerifier.ts"
export * as Manifest from "./Manifest.ts"
export {
  ForeignLayer,
  IndexLoop,
  IndexTooDeep,
  MalformedManifest,
  ManifestError,
  NoLayers,
  PlatformNotFound,
  SchemaVersion1,
  UnsupportedMediaType
} from "./ManifestError.ts"
export * as MediaType from "./MediaType.ts"
export { type DescriptorPlatform, Platform } from "./Platform.ts"
export { RegistryHost } from "./RegistryHost.ts"
export { emptyPath, PathComponents, RepositoryName } from "./RepositoryName.ts"
