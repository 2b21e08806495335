import { Result } from "effect"
import { anonymous, type Credential } from "./Credential.ts"
import { credentialOf, type DockerConfig, type DockerConfigError } from "./DockerConfig.ts"
import * as DockerConfigKey from "./internal/DockerConfigKey.ts"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"

type CredentialResult = Result.Result<Credential, DockerConfigError>

/**
 * The credentials of one registry by path: each is for the repositories at its path and below; the empty path is for
 * all.
 */
export type Keyring = ReadonlyMap<string, CredentialResult>

/** The keyring without credentials. */
export const empty: Keyring = new Map()

interface Candidate {
  readonly found: CredentialResult
  /** The key is exactly the registry's host, without a scheme or path. */
  readonly isExact: boolean
  /** The host of the key; may be a glob. */
  readonly host: string
}

const isEmpty = ({ found }: Candidate): boolean =>
  Result.isSuccess(found) && found.success._tag === "Anonymous"

/** True if `one` takes precedence over `other`, an earlier entry for the same path. */
const isBetter = (one: Candidate, other: Candidate, host: string): boolean => {
  if (isEmpty(one) !== isEmpty(other)) return isEmpty(other)
  if (one.isExact !== other.isExact) return one.isExact
  if (one.host === other.host) return false
  return one.host === host || (other.host !== host && one.host > other.host)
}

/**
 * Collects the entries of a docker config for a registry. Of several entries for one path it takes the one whose key is
 * exactly the host, else another that names the host, else a glob (as the kubelet: the last in alphabetical order). An
 * entry without credentials comes last.
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

/** The credential for a repository: that of the longest path that is the name or leads to it. */
export const lookup = (keyring: Keyring, name: string): CredentialResult => {
  for (let path: string = name; ; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
    const found = keyring.get(path)
    if (found !== undefined) return found
    if (path === "") return Result.succeed(anonymous)
  }
}

const isBelow = (path: string, base: string): boolean => base === "" || `${path}/`.startsWith(`${base}/`)

/** True if an entry is for `base`, for a path that leads to it, or for a repository below it. */
export const hasEntryFor = (keyring: Keyring, base: PathComponents): boolean =>
  [...keyring.keys()].some((path) => isBelow(base, path) || isBelow(path, base))

/** True if an entry for a repository below `base` cannot be read. */
export const hasUnreadableBelow = (keyring: Keyring, base: PathComponents): boolean =>
  [...keyring].some(([path, found]) => Result.isFailure(found) && isBelow(path, base))
