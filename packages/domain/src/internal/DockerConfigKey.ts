import { trimSlashes } from "@registry-packages-proxy/oci/RepositoryName"

/** A key under `auths` of a docker config. */
export interface DockerConfigKey {
  /** The host in lowercase. Its labels may contain `*`. */
  readonly host: string
  /** The name of a repository, or its first components. Empty for all repositories of the host. */
  readonly path: string
}

// The host names of Docker Hub. Docker stores the login for Docker Hub under `https://index.docker.io/v1/`.
const hubHosts: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"])

/** Returns the host in lowercase. Replaces all host names of Docker Hub by `index.docker.io`. */
export const canonicalHost = (host: string): string => {
  const lower = host.toLowerCase()
  return hubHosts.has(lower) ? "index.docker.io" : lower
}

/**
 * Parses a key as the kubelet does: `[scheme://]host[:port][/path]`. Ignores `/v1/` and `/v2/` before the path. Source:
 * kubernetes, pkg/credentialprovider/keyring.go, Add.
 */
export const parse = (key: string): DockerConfigKey => {
  const [location = ""] = key.replace(/^https?:\/\//i, "").split(/[?#]/, 1)
  const slash = location.indexOf("/")
  const authority = slash === -1 ? location : location.slice(0, slash)
  const path = slash === -1 ? "" : trimSlashes(location.slice(slash))
  return {
    host: canonicalHost(authority.slice(authority.lastIndexOf("@") + 1)),
    path: /^v[12](?:\/|$)/.test(path) ? trimSlashes(path.slice(2)) : path
  }
}

const splitPort = (host: string): readonly [labels: ReadonlyArray<string>, port: string] => {
  const colon = host.lastIndexOf(":")
  return colon === -1 ? [host.split("."), ""] : [host.slice(0, colon).split("."), host.slice(colon + 1)]
}

/** True if a label matches a pattern, in which `*` matches any text. */
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
 * True if a key is for the registry with this canonical host. The hosts must be equal, or match label by label with
 * globs. Ports must be equal. Source: kubernetes, pkg/credentialprovider/keyring.go, URLsMatch.
 */
export const matchesHost = (key: DockerConfigKey, host: string): boolean => {
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
