import { trimSlashes } from "@registry-packages-proxy/oci/RepositoryName"

/** A key under `auths` of a docker config, taken apart. */
export interface ConfigKey {
  /** In lowercase; `*` may stand in its labels. */
  readonly host: string
  /** Name components, without slashes around them; empty for all of the host. */
  readonly path: string
}

// Docker keeps the login of Docker Hub under `https://index.docker.io/v1/`, whichever of its names is asked for.
const hubHosts: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"])

/** A host's one name in lowercase: Docker Hub has three. */
export const canonicalHost = (host: string): string => {
  const lower = host.toLowerCase()
  return hubHosts.has(lower) ? "index.docker.io" : lower
}

/**
 * Reads a key as the kubelet does: `[scheme://]host[:port][/path]`, where `/v1/` and `/v2/` before a path do not count.
 * Source: kubernetes, pkg/credentialprovider/keyring.go, Add.
 */
export const parse = (key: string): ConfigKey => {
  const [place = ""] = key.replace(/^https?:\/\//i, "").split(/[?#]/, 1)
  const slash = place.indexOf("/")
  const authority = slash === -1 ? place : place.slice(0, slash)
  const path = slash === -1 ? "" : trimSlashes(place.slice(slash))
  return {
    host: canonicalHost(authority.slice(authority.lastIndexOf("@") + 1)),
    path: /^v[12](?:\/|$)/.test(path) ? trimSlashes(path.slice(2)) : path
  }
}

const splitPort = (host: string): readonly [labels: ReadonlyArray<string>, port: string] => {
  const colon = host.lastIndexOf(":")
  return colon === -1 ? [host.split("."), ""] : [host.slice(0, colon).split("."), host.slice(colon + 1)]
}

/** Whether a label matches a pattern, in which `*` is any text. */
const matches = (pattern: string, label: string): boolean => {
  const [first = "", ...rest] = pattern.split("*")
  const last = rest.pop()
  if (last === undefined) return pattern === label
  if (!label.startsWith(first) || label.length < first.length + last.length) return false
  let at = first.length
  for (const part of rest) {
    const found = label.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return at + last.length <= label.length && label.endsWith(last)
}

/**
 * Whether a key's host is a registry's canonical one: equal, or with globs in its labels, of which there must be as many
 * as the registry has. Ports must be equal. Source: as above, URLsMatch.
 */
export const isFor = (key: ConfigKey, host: string): boolean => {
  if (key.host === host) return true
  if (!key.host.includes("*")) return false
  const [globs, globPort] = splitPort(key.host)
  const [labels, port] = splitPort(host)
  return (
    globPort === port &&
    globs.length === labels.length &&
    globs.every((glob, index) => matches(glob, labels[index] ?? ""))
  )
}
