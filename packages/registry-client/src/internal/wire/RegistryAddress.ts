import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { Result } from "effect"
import type { Target } from "../../Upstream.ts"

// Docker Hub is known by names that serve no registry API.
const aliases: Readonly<Record<string, string>> = {
  "docker.io": "registry-1.docker.io",
  "index.docker.io": "registry-1.docker.io"
}

/** The URL below which a registry's repositories are, ending in `/v2/`. */
export const baseUrl = (source: RegistrySource): HttpUrl => {
  const host = source.host.toLowerCase()
  const authority = Object.hasOwn(aliases, host) ? aliases[host] : host
  // A RegistryHost is one for sure.
  return Result.getOrThrow(HttpUrl.parse(`${source.scheme}://${authority}/v2/`))
}

/** The URL of what a registry keeps at this path below a repository. */
export const urlOf = (base: HttpUrl, name: string, path: string): HttpUrl =>
  Result.getOrThrow(HttpUrl.resolve(base, `${name}/${path}`))

/** The server that a URL is on, trusted as the registry is. */
export const targetOf = (url: HttpUrl, ca: string | undefined): Target => ({
  scheme: url.protocol === "http:" ? "http" : "https",
  host: url.host,
  ca
})

/** `to` is on plain HTTP and `from` is not. */
export const isDowngrade = (from: HttpUrl, to: HttpUrl): boolean =>
  from.protocol === "https:" && to.protocol !== "https:"
