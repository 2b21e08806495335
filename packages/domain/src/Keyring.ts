import { Result } from "effect"
import { anonymous, type Credential } from "./Credential.ts"
import { credentialOf, type DockerConfig, type DockerConfigError } from "./DockerConfig.ts"
import * as DockerConfigKey from "./internal/DockerConfigKey.ts"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"

type CredentialResult = Result.Result<Credential, DockerConfigError>

/**
 * The credentials of one registry, by repository path. Each credential is for the repository at its path and all
 * repositories below it. The empty path is for all repositories of the registry.
 */
export type Keyring = ReadonlyMap<string, CredentialResult>

/** The keyring without credentials. */
export const empty: Keyring = new Map()

interface Candidate {
  readonly found: CredentialResult
  /** True if the entry's key is exactly the registry's `host[:port]`. A key with a scheme or a path is not exact. */
  readonly isExact: boolean
  /** The host in the entry's key. It may be a glob. */
  readonly host: string
}

const isEmpty = ({ found }: Candidate): boolean =>
  Result.isSuccess(found) && found.success._tag === "Anonymous"

/** True if `one` takes precedence over `other`, which is an earlier entry for the same path. */
const isBetter = (one: Candidate, other: Candidate, host: string): boolean => {
  if (isEmpty(one) !== isEmpty(other)) return isEmpty(other)
  if (one.isExact !== other.isExact) return one.isExact
  if (one.host === other.host) return false
  return one.host === host || (other.host !== host && one.host > other.host)
}

/**
 * Returns the credentials of a docker config for a registry. If several entries have the same path, one entry is
 * chosen. Entries with credentials are preferred to anonymous entries. Then a key that equals `registry` is preferred
 * to other keys for the same host, and these keys are preferred to globs. Of several globs, the last in alphabetical
 * order is chosen, as in the kubelet.
 */
export const make = (config: DockerConfig, registry: RegistryHost): Keyring => {
  const host = DockerConfigKey.canonicalHost(registry)
  const best = new Map<string, Candidate>()
  for (const [text, entry] of Object.entries(config.auths ?? {})) {
    const key = DockerConfigKey.parse(text)
    if (!DockerConfigKey.matchesHost(key, host)) continue
    const candidate = { found: credentialOf(entry), isExact: text === registry, host: key.host }
    const other = best.get(key.path)
    if (other === undefined || isBetter(candidate, other, host)) best.set(key.path, candidate)
  }
  return new Map([...best].map(([path, { found }]) => [path, found]))
}

/**
 * Returns the credential for the repository `name`. Uses the longest path that equals `name` or is a parent of `name`.
 * Returns anonymous if no path matches.
 */
export const lookup = (keyring: Keyring, name: string): CredentialResult => {
  for (let path: string = name; ; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
    const found = keyring.get(path)
    if (found !== undefined) return found
    if (path === "") return Result.succeed(anonymous)
  }
}

const isBelow = (path: string, prefix: string): boolean =>
  prefix === "" || `${path}/`.startsWith(`${prefix}/`)

/** True if the keyring has an entry for `prefix`, for a parent path of `prefix`, or for a repository below `prefix`. */
export const hasEntryFor = (keyring: Keyring, prefix: PathComponents): boolean =>
  [...keyring.keys()].some((path) => isBelow(prefix, path) || isBelow(path, prefix))

/** True if the keyring has a malformed entry for `prefix` or for a repository below `prefix`. */
export const hasMalformedEntryBelow = (keyring: Keyring, prefix: PathComponents): boolean =>
  [...keyring].some(([path, found]) => Result.isFailure(found) && isBelow(path, prefix))
