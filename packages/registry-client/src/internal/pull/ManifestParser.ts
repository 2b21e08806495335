import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { ImageIndex, ImageManifest } from "@registry-packages-proxy/oci/Manifest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import { Cache, Effect, Option, type Result } from "effect"
import * as Limits from "../wire/Limits.ts"
import * as BoundedCache from "../wire/BoundedCache.ts"

export type ParsedManifest = Result.Result<ImageManifest | ImageIndex, ManifestError>

/**
 * Makes the function that parses manifests and indexes. Parsing blocks the event loop, so the result for a large
 * document is cached for {@link Limits.largeManifestLife}. The cache key is the digest and the media type, so all
 * repositories share the cached results.
 */
export const make = Effect.fnUntraced(function* (
  parse: (bytes: Uint8Array, contentType: string | undefined) => ParsedManifest
) {
  const large = yield* BoundedCache.make<ParsedManifest>(Limits.largeManifestLife, Limits.maxLargeManifests)
  return Effect.fnUntraced(function* (bytes: Uint8Array, contentType: string | undefined, digest: Digest) {
    if (bytes.length < Limits.largeManifestSize) return parse(bytes, contentType)
    const key = `${digest} ${contentType ?? ""}`
    const cached = yield* Cache.getSuccess(large, key)
    if (Option.isSome(cached)) return cached.value
    const parsed = parse(bytes, contentType)
    yield* Cache.set(large, key, parsed)
    return parsed
  })
})
