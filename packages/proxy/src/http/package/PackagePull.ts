import type { CredentialError } from "@registry-packages-proxy/credential-store/CredentialError"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { PackageSource } from "@registry-packages-proxy/digest-cache/PackageSource"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { joinPath } from "@registry-packages-proxy/oci/RepositoryName"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import type { Repository } from "@registry-packages-proxy/registry-client/Repository"
import type { RegistryError } from "@registry-packages-proxy/registry-client/RegistryError"
import { Effect, Option, Schema, Stream } from "effect"
import type { PackageQuery } from "../request/PackageQuery.ts"

/** The repository and the request's `path` together are not a valid repository name. */
export class InvalidRepositoryName extends Schema.TaggedError<InvalidRepositoryName>()(
  "InvalidRepositoryName",
  {}
) {
  override get message(): string {
    return "repository and path together are not a valid repository name"
  }
}

/** The errors of resolving a package at its registry or of downloading it. */
export type PullError = CredentialError | RegistryError | InvalidRepositoryName

/**
 * Makes a function that returns the source of a package. The source resolves the package at its registry and downloads
 * it from there. The source reads the credentials again for each `resolve` and each `blob`, so that new credentials
 * take effect immediately.
 */
export const make = Effect.gen(function* () {
  const credentials = yield* CredentialStore
  const registry = yield* RegistryClient

  return (
    query: PackageQuery,
    platform: Platform,
    /** Called with the registry's host before the source sends requests to the registry. */
    onRegistry: (host: string) => void
  ): PackageSource<PullError> => {
    const repository: Effect.Effect<Repository, CredentialError | InvalidRepositoryName> = Effect.gen(
      function* () {
        const source = yield* credentials.get(query.repository, query.path)
        const name = joinPath(source.repositoryPrefix, query.path)
        if (Option.isNone(name)) return yield* new InvalidRepositoryName({})
        onRegistry(source.host)
        return { source, name: name.value }
      }
    )
    return {
      identity: `${Option.getOrElse(query.repository, () => "")} ${query.path}`,
      resolve: Effect.flatMap(repository, (repository) =>
        registry.resolve(repository, query.manifestDigest, platform)
      ),
      blob: (descriptor, offset, buffers) =>
        Stream.unwrap(
          Effect.map(repository, (repository) => registry.blob(repository, descriptor, offset, buffers))
        )
    }
  }
})
