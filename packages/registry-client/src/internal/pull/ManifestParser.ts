import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { ImageIndex, ImageManifest } from "@registry-packages-proxy/oci/Manifest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import { Cache, Effect, Option, type Result } from "effect"
import * as Limits from "../wire/Limits.ts"
import * as Remembered from "../wire/Remembered.ts"

export type Parsed = Result.Result<ImageManifest | ImageIndex, ManifestError>

/**
 * Parses documents, a large one once in {@link Limits.largeManifestLife} however many repositories it comes from: its
 * bytes have the digest, so that equal digests are equal documents. The event loop does nothing else meanwhile.
 */
export const make = Effect.fnUntraced(function* (
  parse: (bytes: Uint8Array, contentType: string | undefined) => Parsed
) {
  const large = yield* Remembered.make<Parsed>(Limits.largeManifestLife, Limits.maxLargeManifests)
  return Effect.fnUntraced(function* (bytes: Uint8Array, contentType: string | undefined, digest: Digest) {
    if (bytes.length < Limits.largeManifestSize) return parse(bytes, contentType)
    const key = `${digest} ${contentType ?? ""}`
    const known = yield* Cache.getSuccess(large, key)
    if (Option.isSome(known)) return known.value
    const parsed = parse(bytes, contentType)
    yield* Cache.set(large, key, parsed)
    return parsed
  })
})
