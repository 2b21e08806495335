import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { CredentialError } from "@registry-packages-proxy/credential-store/CredentialError"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Effect, Option } from "effect"

export const keyOf = (repository: string): Option.Option<RepositoryKey> =>
  repository === "" ? Option.none() : Option.some(RepositoryKey.make(repository))

export const get = (
  repository: string,
  path = ""
): Effect.Effect<RegistrySource, CredentialError, CredentialStore> =>
  CredentialStore.use((store) => store.get(keyOf(repository), PathComponents.make(path)))

/**
 * Returns the name of the object that a repository's source was read from, or the tag of the error's reason. An empty
 * `repository` means the cluster's own registry.
 */
export const answer = (repository: string): Effect.Effect<string, never, CredentialStore> =>
  get(repository).pipe(
    Effect.map((source) => source.sourceObject),
    Effect.catch((error) => Effect.succeed(error.reason._tag))
  )

export const status = Effect.flatMap(CredentialStore, (store) => store.status)
