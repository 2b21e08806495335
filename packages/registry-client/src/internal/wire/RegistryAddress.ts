import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { Result } from "effect"
import type { UpstreamTarget } from "../../Upstream.ts"

// Names of Docker Hub that do not serve the registry API.
const aliases: Readonly<Record<string, string>> = {
  "docker.io": "registry-1.docker.io",
  "index.docker.io": "registry-1.docker.io"
}

/** Returns the base URL of a registry's API, which ends in `/v2/`. */
export const baseUrl = (source: RegistrySource): HttpUrl => {
  const host = source.host.toLowerCase()
  const authority = Object.hasOwn(aliases, host) ? aliases[host] : host
  // A RegistryHost is always a valid authority.
  return Result.getOrThrow(HttpUrl.parse(`${source.scheme}://${authority}/v2/`))
}

/** Returns the URL of a path below the repository `name`. */
export const repositoryUrl = (base: HttpUrl, name: string, path: string): HttpUrl =>
  Result.getOrThrow(HttpUrl.resolve(base, `${name}/${path}`))

/** Returns the server of a URL as an `UpstreamTarget` that trusts the registry's CA. */
export const targetOf = (url: HttpUrl, ca: string | undefined): UpstreamTarget => ({
  scheme: url.protocol === "http:" ? "http" : "https",
  host: url.host,
  ca
})

/** True if `from` is on HTTPS and `to` is not. */
export const isDowngrade = (from: HttpUrl, to: HttpUrl): boolean =>
  from.protocol === "https:" && to.protocol !== "https:"
