import type { CacheResult } from "@registry-packages-proxy/digest-cache/CacheResult"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { ByteRange } from "./Conditions.ts"

export const etagOf = (manifestDigest: Digest): string => `"${manifestDigest}"`

const contentTypes = { gzip: "application/x-gzip", zstd: "application/zstd" } as const
const extensions = { gzip: "tar.gz", zstd: "tar.zst" } as const

/** The Cache-Status value (RFC 9211) of each cache result. */
const cacheStatuses: Readonly<Record<CacheResult, string>> = {
  hit: "registry-packages-proxy; hit",
  memory: "registry-packages-proxy; hit",
  miss: "registry-packages-proxy; fwd=miss; stored",
  collapsed: "registry-packages-proxy; fwd=miss; collapsed",
  bypass: "registry-packages-proxy; fwd=bypass"
}

/**
 * Returns the caching headers of a package response (200, 206 or 304). They allow caching for a year, since the bytes
 * of a package never change.
 */
export const cachingHeaders = (manifestDigest: Digest, cacheResult: CacheResult) => ({
  etag: etagOf(manifestDigest),
  "cache-control": "public, max-age=31536000, immutable",
  "cache-status": cacheStatuses[cacheResult]
})

/** Returns the response headers of a whole package, or of a range of it if `range` is defined. */
export const packageHeaders = (options: {
  readonly manifestDigest: Digest
  readonly descriptor: PackageDescriptor
  readonly cacheResult: CacheResult
  readonly acceptsRanges: boolean
  readonly range: ByteRange | undefined
}): Record<string, string> => {
  const { descriptor, manifestDigest, range } = options
  const headers: Record<string, string> = {
    "content-type": contentTypes[descriptor.compression],
    "content-length": String(range === undefined ? descriptor.size : range.end - range.start),
    "content-disposition": `attachment; filename=${manifestDigest}.${extensions[descriptor.compression]}`,
    "accept-ranges": options.acceptsRanges ? "bytes" : "none",
    "docker-content-digest": descriptor.layerDigest,
    ...cachingHeaders(manifestDigest, options.cacheResult)
  }
  if (range !== undefined)
    headers["content-range"] = `bytes ${range.start}-${range.end - 1}/${descriptor.size}`
  return headers
}
