import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"

/** A repository: a name on a registry, and the source that says how to pull from it. */
export interface Repository {
  readonly source: RegistrySource
  readonly name: RepositoryName
}
