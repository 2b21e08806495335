import { Result } from "effect"
import { anonymous, type Credential } from "./Credential.ts"
import { credentialOf, type DockerConfig, type DockerConfigError } from "./DockerConfig.ts"
import * as ConfigKey from "./internal/ConfigKey.ts"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"

type Found = Result.Result<Credential, DockerConfigError>

/** The credentials of one registry, by the path below which they are meant; the empty path is all of it. */
export type Keyring = ReadonlyMap<string, Found>

/** The keyring of a registry that is asked without credentials. */
export const empty: Keyring = new Map()

interface Candidate {
  readonly found: Found
  /** The key is the host as it is written in the registry's address. */
  readonly isPlain: boolean
  /** The key's host: several globs may match one registry. */
  readonly host: string
}

const isEmpty = ({ found }: Candidate): boolean =>
  Result.isSuccess(found) && found.success._tag === "Anonymous"

/** Whether `one` goes before `other`, which stands earlier in the config and is for the same path. */
const isBetter = (one: Candidate, other: Candidate, host: string): boolean => {
  if (isEmpty(one) !== isEmpty(other)) return isEmpty(other)
  if (one.isPlain !== other.isPlain) return one.isPlain
  if (one.host === other.host) return false
  return one.host === host || (other.host !== host && one.host > other.host)
}

/**
 * The entries of a docker config that are for a registry. Of several for the same path the one whose key is the host
 * alone goes first, then the others that name it, then globs, in the kubelet's order (the reverse of their text's); an
 * entry that holds nothing goes last.
 */
export const make = (config: DockerConfig, registry: RegistryHost): Keyring => {
  const host = ConfigKey.canonicalHost(registry)
  const best = new Map<string, Candidate>()
  for (const [text, entry] of Object.entries(config.auths ?? {})) {
    const key = ConfigKey.parse(text)
    if (!ConfigKey.isFor(key, host)) continue
    const candidate = { found: credentialOf(entry), isPlain: text === registry, host: key.host }
    const other = best.get(key.path)
    if (other === undefined || isBetter(candidate, other, host)) best.set(key.path, candidate)
  }
  return new Map([...best].map(([path, { found }]) => [path, found]))
}

/** The credential for a repository: of the longest path that is a prefix of its name at a slash. */
export const lookup = (keyring: Keyring, name: string): Found => {
  for (let path: string = name; ; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
    const found = keyring.get(path)
    if (found !== undefined) return found
    if (path === "") return Result.succeed(anonymous)
  }
}

const isBelow = (path: string, base: string): boolean => base === "" || `${path}/`.startsWith(`${base}/`)

/** Whether any entry is for `base` or for what is below it. */
export const hasAnyFor = (keyring: Keyring, base: PathComponents): boolean =>
  [...keyring.keys()].some((path) => isBelow(base, path) || isBelow(path, base))

/** Whether an entry for what is below `base` cannot be read. */
export const hasBrokenBelow = (keyring: Keyring, base: PathComponents): boolean =>
  [...keyring].some(([path, found]) => Result.isFailure(found) && isBelow(path, base))
