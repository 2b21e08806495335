import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"

/** One repository on one registry, with what is needed to ask for it. */
export interface Repository {
  readonly source: RegistrySource
  readonly name: RepositoryName
}
