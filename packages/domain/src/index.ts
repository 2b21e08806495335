/** The types that the service packages share: repositories, registries, credentials and packages. */
export type { ReadBuffers } from "./ReadBuffers.ts"
export { anonymous, type BasicCredential, type Credential } from "./Credential.ts"
export * as DockerConfig from "./DockerConfig.ts"
export * as Keyring from "./Keyring.ts"
export * as PackageDescriptor from "./PackageDescriptor.ts"
export type { RegistrySource } from "./RegistrySource.ts"
export { RepositoryKey } from "./RepositoryKey.ts"
