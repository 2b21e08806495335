import { Result } from "effect"
import type * as Zlib from "node:zlib"
import * as Limits from "./Limits.ts"

// Loaded when something comes encoded, which costs some MiB that most processes never need.
const zlib = (): typeof Zlib => process.getBuiltinModule("node:zlib")

type Decode = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array

// Some servers send what RFC 1951 describes and call it deflate, which is RFC 1950 (RFC 9110, section 8.4.1.2).
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

/** The codings of a Content-Encoding that change bytes, in the order they were applied; labels are passed over. */
export const codingsOf = (contentEncoding: string | undefined): ReadonlyArray<string> =>
  (contentEncoding ?? "")
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => Object.hasOwn(decoders, coding))

/**
 * Undoes a Content-Encoding, as long as no step of it gives more than `limit` bytes. Fails with the reason.
 *
 * Source: RFC 9110, section 8.4.
 */
export const decode = (
  bytes: Uint8Array,
  contentEncoding: string | undefined,
  limit: number
): Result.Result<Uint8Array, "too large" | "not encoded so"> => {
  const codings = codingsOf(contentEncoding)
  if (codings.length === 0 || codings.length > Limits.maxCodings) return Result.fail("not encoded so")
  return Result.try({
    try: () =>
      codings.reduceRight(
        (encoded, coding) => decoders[coding]?.(encoded, { maxOutputLength: limit }) ?? encoded,
        bytes
      ),
    catch: (error) =>
      error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
        ? "too large"
        : "not encoded so"
  })
}
