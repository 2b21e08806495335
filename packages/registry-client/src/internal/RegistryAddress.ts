import type { RegistrySource } from "@registry-packages-proxy/oci/RegistrySource"
import type { Target } from "../Upstream.ts"

// Docker Hub is known by names that serve no registry API.
const aliases: Readonly<Record<string, string>> = {
  "docker.io": "registry-1.docker.io",
  "index.docker.io": "registry-1.docker.io"
}

/** The URL below which a registry's repositories are, ending in `/v2/`. */
export const baseUrl = (source: RegistrySource): URL => {
  const host = source.host.toLowerCase()
  return new URL(`${source.scheme}://${Object.hasOwn(aliases, host) ? aliases[host] : host}/v2/`)
}

/** The server that a URL is on, trusted as the registry is. */
export const targetOf = (url: URL, ca: string | undefined): Target => ({
  scheme: url.protocol === "http:" ? "http" : "https",
  host: url.host,
  ca
})

/** `to` is on plain HTTP and `from` is not. */
export const isDowngrade = (from: URL, to: URL): boolean =>
  from.protocol === "https:" && to.protocol !== "https:"
