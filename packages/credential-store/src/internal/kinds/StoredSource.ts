import * as DockerConfig from "@registry-packages-proxy/domain/DockerConfig"
import * as Keyring from "@registry-packages-proxy/domain/Keyring"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Predicate, Result } from "effect"
import { ObjectError } from "./ObjectError.ts"

/** The credentials of an object, for its repository and paths below it. */
export interface Credentials {
  readonly keyring: Keyring.Keyring
  /** A warning, such as that the docker config has no entry for the registry. Shows none of its values. */
  readonly warning: string | undefined
}

/**
 * A registry source as it is stored: the credential depends on the requested path. The warning is about its docker
 * config and its certificates.
 */
export interface StoredSource extends Omit<RegistrySource, "credential">, Credentials {}

/** Joins the warnings about parts of an object. */
export const joinWarnings = (...warnings: ReadonlyArray<string | undefined>): string | undefined => {
  const some = warnings.filter(Predicate.isNotUndefined)
  return some.length === 0 ? undefined : some.join("; ")
}

const anonymously = "so packages are pulled without a login"

const warningOf = (config: DockerConfig.DockerConfig, keyring: Keyring.Keyring, base: PathComponents) => {
  if (config.isLegacy) return `has its entries at the top level instead of under \`auths\`, ${anonymously}`
  if (config.auths === undefined) return `has no \`auths\`, ${anonymously}`
  if (!Keyring.hasEntryFor(keyring, base)) return `has no entry for this registry and path, ${anonymously}`
  const credential = Keyring.lookup(keyring, base)
  const isAnonymous = Result.isSuccess(credential) && credential.success._tag === "Anonymous"
  if (isAnonymous && config.usesCredentialHelpers) {
    return `leaves the password to a credential helper, which is not supported, ${anonymously}`
  }
  return Keyring.hasUnreadableBelow(keyring, base)
    ? "has an invalid entry for a path below the repository"
    : undefined
}

/**
 * Parses the credentials for `base` on `host` and for paths below it from the text of a docker config.json. An empty
 * text means anonymous. Fails for an invalid entry only if it is the one for `base`.
 */
export const fromDockerConfig = (
  json: string,
  host: RegistryHost,
  base: PathComponents,
  field: string
): Result.Result<Credentials, ObjectError> => {
  if (json.trim() === "") return Result.succeed({ keyring: Keyring.empty, warning: undefined })
  return Result.mapError(
    Result.gen(function* () {
      const config = yield* DockerConfig.parse(json)
      const keyring = Keyring.make(config, host)
      yield* Keyring.lookup(keyring, base)
      const warning = warningOf(config, keyring, base)
      return { keyring, warning: warning && `${field} ${warning}` }
    }),
    (error) => new ObjectError({ detail: `${field}: ${error.detail}` })
  )
}

/** The source for a path below the object's repository. Fails with the error of the credential for that path. */
export const at = (
  { keyring, warning: _, ...source }: StoredSource,
  path: PathComponents
): Result.Result<RegistrySource, string> =>
  Result.mapBoth(Keyring.lookup(keyring, [source.base, path].filter((part) => part !== "").join("/")), {
    onSuccess: (credential) => ({ ...source, credential }),
    onFailure: ({ detail }) => `its docker config: ${detail}`
  })
