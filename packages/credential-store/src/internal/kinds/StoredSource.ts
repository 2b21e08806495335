import * as DockerConfig from "@registry-packages-proxy/domain/DockerConfig"
import * as Keyring from "@registry-packages-proxy/domain/Keyring"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Predicate, Result } from "effect"
import { ObjectError } from "./ObjectError.ts"

/** The credentials of an object, for its own repository and those below it. */
export interface Credentials {
  readonly keyring: Keyring.Keyring
  /** What is odd about the docker config, as that it has no entry for the registry. Shows none of its values. */
  readonly warning: string | undefined
}

/**
 * A registry source as an object gives it: which credential counts depends on the path that is asked for. The warning is
 * about its certificates too.
 */
export interface StoredSource extends Omit<RegistrySource, "credential">, Credentials {}

/** The warnings about parts of an object as one. */
export const joined = (...warnings: ReadonlyArray<string | undefined>): string | undefined => {
  const some = warnings.filter(Predicate.isNotUndefined)
  return some.length === 0 ? undefined : some.join("; ")
}

const anonymously = "so that packages are pulled without a login"

const warningOf = (config: DockerConfig.DockerConfig, keyring: Keyring.Keyring, base: PathComponents) => {
  if (config.isLegacy) return `has its entries at the top instead of under \`auths\`, ${anonymously}`
  if (config.auths === undefined) return `has no \`auths\`, ${anonymously}`
  if (!Keyring.hasEntryFor(keyring, base)) return `has no entry for this registry and path, ${anonymously}`
  const own = Keyring.lookup(keyring, base)
  const holdsNothing = Result.isSuccess(own) && own.success._tag === "Anonymous"
  if (holdsNothing && config.usesCredentialHelpers) {
    return `leaves the password to a credential helper, which is not asked, ${anonymously}`
  }
  return Keyring.hasUnreadableBelow(keyring, base)
    ? "has an entry for a path below that cannot be read"
    : undefined
}

/**
 * The credentials for `base` on `host`, and below it, in a docker config.json's text; no text means anonymous. An entry
 * that cannot be read fails where it is the one for `base`.
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

/** The source for a path below the object's repository; fails with what is wrong with the credential it would have. */
export const at = (
  { keyring, warning: _, ...source }: StoredSource,
  path: PathComponents
): Result.Result<RegistrySource, string> =>
  Result.mapBoth(Keyring.lookup(keyring, [source.base, path].filter((part) => part !== "").join("/")), {
    onSuccess: (credential) => ({ ...source, credential }),
    onFailure: ({ detail }) => `its docker config: ${detail}`
  })
