import * as DockerConfig from "@registry-packages-proxy/domain/DockerConfig"
import * as Keyring from "@registry-packages-proxy/domain/Keyring"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Predicate, Result } from "effect"
import { ObjectError } from "./ObjectError.ts"

/** The credentials that were read from a docker config, and a warning about that config. */
export interface ParsedKeyring {
  /** The credentials for the object's registry, by repository path. */
  readonly keyring: Keyring.Keyring
  /**
   * A warning about the docker config, for example that it has no entry for the registry. Undefined if there is none.
   * Contains no value of the config.
   */
  readonly warning: string | undefined
}

/**
 * A registry source that was read from a Kubernetes object, with the credentials for all its paths. {@link forPath}
 * selects the credential for one path. The field `warning` is about the docker config and the certificates in the
 * Kubernetes object.
 */
export interface StoredSource extends Omit<RegistrySource, "credential">, ParsedKeyring {}

/** Joins the warnings about the fields of an object into one text. Undefined if there are no warnings. */
export const joinWarnings = (...warnings: ReadonlyArray<string | undefined>): string | undefined => {
  const some = warnings.filter(Predicate.isNotUndefined)
  return some.length === 0 ? undefined : some.join("; ")
}

const anonymously = "so packages are pulled without a login"

const warningOf = (
  config: DockerConfig.DockerConfig,
  keyring: Keyring.Keyring,
  repositoryPrefix: PathComponents
) => {
  if (config.isLegacy) return `has its entries at the top level instead of under \`auths\`, ${anonymously}`
  if (config.auths === undefined) return `has no \`auths\`, ${anonymously}`
  if (!Keyring.hasEntryFor(keyring, repositoryPrefix))
    return `has no entry for this registry and path, ${anonymously}`
  const credential = Keyring.lookup(keyring, repositoryPrefix)
  const isAnonymous = Result.isSuccess(credential) && credential.success._tag === "Anonymous"
  if (isAnonymous && config.usesCredentialHelpers) {
    return `leaves the password to a credential helper, which is not supported, ${anonymously}`
  }
  return Keyring.hasMalformedEntryBelow(keyring, repositoryPrefix)
    ? "has an invalid entry for a path below the repository"
    : undefined
}

/**
 * Parses a docker config.json, and returns its credentials for the registry `host`. If `json` is empty, returns no
 * credentials. Fails if `json` is not a docker config, or if the entry for `repositoryPrefix` is invalid. Does not fail
 * if an entry for another path is invalid. `field` is the name of the config in messages.
 */
export const fromDockerConfig = (
  json: string,
  host: RegistryHost,
  repositoryPrefix: PathComponents,
  field: string
): Result.Result<ParsedKeyring, ObjectError> => {
  if (json.trim() === "") return Result.succeed({ keyring: Keyring.empty, warning: undefined })
  return Result.mapError(
    Result.gen(function* () {
      const config = yield* DockerConfig.parse(json)
      const keyring = Keyring.make(config, host)
      yield* Keyring.lookup(keyring, repositoryPrefix)
      const warning = warningOf(config, keyring, repositoryPrefix)
      return { keyring, warning: warning && `${field} ${warning}` }
    }),
    (error) => new ObjectError({ detail: `${field}: ${error.detail}` })
  )
}

/**
 * Returns the source with the credential for `path` below the object's repository. Fails if that credential is invalid.
 */
export const forPath = (
  { keyring, warning: _, ...source }: StoredSource,
  path: PathComponents
): Result.Result<RegistrySource, string> =>
  Result.mapBoth(
    Keyring.lookup(keyring, [source.repositoryPrefix, path].filter((part) => part !== "").join("/")),
    {
      onSuccess: (credential) => ({ ...source, credential }),
      onFailure: ({ detail }) => `its docker config: ${detail}`
    }
  )
