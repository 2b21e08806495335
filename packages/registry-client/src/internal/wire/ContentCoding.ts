import { Result } from "effect"
import type * as Zlib from "node:zlib"
import * as Limits from "./Limits.ts"

// Loaded on first use, since the module takes some MiB of memory and most processes never use it.
const zlib = (): typeof Zlib => process.getBuiltinModule("node:zlib")

type Decode = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array

// `deflate` is the zlib format (RFC 1950), but some servers send raw deflate data (RFC 1951; RFC 9110, 8.4.1.2).
const inflate: Decode = (bytes, options) => {
  const [first = 0, second = 0] = bytes
  const hasHeader = (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0
  return hasHeader ? zlib().inflateSync(bytes, options) : zlib().inflateRawSync(bytes, options)
}

const gunzip: Decode = (bytes, options) => zlib().gunzipSync(bytes, options)

const decoders: Readonly<Record<string, Decode>> = {
  br: (bytes, options) => zlib().brotliDecompressSync(bytes, options),
  deflate: inflate,
  gzip: gunzip,
  "x-gzip": gunzip,
  zstd: (bytes, options) => zlib().zstdDecompressSync(bytes, options)
}

/** Returns the codings of a Content-Encoding, in the order in which they were applied. Skips unknown codings. */
export const codingsOf = (contentEncoding: string | undefined): ReadonlyArray<string> =>
  (contentEncoding ?? "")
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => Object.hasOwn(decoders, coding))

/**
 * Decodes bytes by their Content-Encoding, and skips unknown codings. Fails with `too large` if one decoding produces
 * more than `limit` bytes. Fails with `not encoded` if the bytes cannot be decoded, if Content-Encoding has no known
 * coding, or if it has more than {@link Limits.maxCodings} known codings. Source: RFC 9110, section 8.4.
 */
export const decode = (
  bytes: Uint8Array,
  contentEncoding: string | undefined,
  limit: number
): Result.Result<Uint8Array, "too large" | "not encoded"> => {
  const codings = codingsOf(contentEncoding)
  if (codings.length === 0 || codings.length > Limits.maxCodings) return Result.fail("not encoded")
  return Result.try({
    try: () =>
      codings.reduceRight(
        (encoded, coding) => decoders[coding]?.(encoded, { maxOutputLength: limit }) ?? encoded,
        bytes
      ),
    catch: (error) =>
      error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
        ? "too large"
        : "not encoded"
  })
}
