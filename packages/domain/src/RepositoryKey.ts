import { type Option, Schema } from "effect"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { RepositoryName, trimTrailingSlashes } from "@registry-packages-proxy/oci/RepositoryName"

/** The maximum length of a key, in bytes. A key is ASCII. */
export const maxKeyLength = 512

const isHost = Schema.is(RegistryHost)
const isName = Schema.is(RepositoryName)

const isRepositoryKey = (input: string): boolean => {
  const slash = input.indexOf("/")
  return slash > 0 && isHost(input.slice(0, slash)) && isName(input.slice(slash + 1))
}

/**
 * A repository as `host[:port]/name`. A ModuleSource's `spec.registry.repo` and the `repository` query parameter have
 * this form.
 */
export const RepositoryKey = Schema.String.check(
  Schema.isMaxLength(maxKeyLength),
  Schema.makeFilter(isRepositoryKey, { expected: "host[:port]/name" })
).pipe(Schema.brand("RepositoryKey"))
export type RepositoryKey = typeof RepositoryKey.Type

const decode = Schema.decodeUnknownOption(RepositoryKey)

/** Parses a key, and ignores slashes at the end. None if the text is not a key. */
export const parse = (input: string): Option.Option<RepositoryKey> => decode(trimTrailingSlashes(input))

/** Splits a key into host and name. */
export const split = (key: RepositoryKey): { readonly host: RegistryHost; readonly name: RepositoryName } => {
  const slash = key.indexOf("/")
  return { host: RegistryHost.make(key.slice(0, slash)), name: RepositoryName.make(key.slice(slash + 1)) }
}
