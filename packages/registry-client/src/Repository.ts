import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"

/** A repository on a registry. `source` says how to pull from the registry. */
export interface Repository {
  readonly source: RegistrySource
  readonly name: RepositoryName
}
