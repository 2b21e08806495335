import type { ReceivedResponse } from "./Client.ts"
import { type Package, packages } from "./Packages.ts"
import type { ClientRequest } from "./Step.ts"

/** Faults that occurred before or during a request. After such a fault, an error or an aborted response is allowed. */
export interface Circumstances {
  /** True if the registry, its content or the credentials were changed. */
  readonly upstream: boolean
  /** True if the disk failed, or another process changed files in the cache directory. */
  readonly disk: boolean
  /**
   * True if registry-packages-proxy was stopped or killed, and then started again. It may then respond with 503,
   * because it has not read its credentials yet.
   */
  readonly restart: boolean
}

/** Milliseconds after which registry-packages-proxy disconnects a client that does not read. */
export const longestSilence = 60_000

const wantedOf = (ask: ClientRequest): Package => packages[ask.wanted] ?? (packages[0] as Package)

interface Part {
  readonly start: number
  readonly end: number
}

/**
 * Evaluates the Range of a request for a package of `size` bytes (RFC 9110, section 14). Returns undefined if the
 * request has no Range.
 */
const partOf = ({ range }: ClientRequest, size: number): Part | "unsatisfiable" | "malformed" | undefined => {
  if (range === undefined) return undefined
  const [first, last] = range
  if (first === undefined) {
    const length = last ?? 0
    return length === 0 || size === 0 ? "unsatisfiable" : { start: Math.max(0, size - length), end: size }
  }
  if (last !== undefined && last < first) return "malformed"
  if (first >= size) return "unsatisfiable"
  return { start: first, end: Math.min(size, (last ?? size) + 1) }
}

const refusals: ReadonlySet<number> = new Set([404, 502, 503, 504])

const cacheStatuses: ReadonlyArray<string> = [
  "hit",
  "fwd=miss; stored",
  "fwd=miss; collapsed",
  "fwd=bypass"
].map((status) => `registry-packages-proxy; ${status}`)

/** Returns descriptions of the violations of docs/http.md in a response. Empty if the response is correct. */
export const faultsOf = (
  ask: ClientRequest,
  response: ReceivedResponse,
  circumstances: Circumstances
): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const want = (right: boolean, what: string) => {
    if (!right) wrong.push(what)
  }
  const header = (name: string) => response.headers.get(name)
  const { bytes, compression, image } = wantedOf(ask)
  const { upstream } = circumstances
  want(response.malformed === undefined, `malformed: ${response.malformed}`)
  if (response.outcome === "left") return wrong
  // If the send timeout disconnected the client, the response may end anywhere, as if the client had disconnected.
  if (response.outcome === "broken" && response.stalled >= longestSilence) return wrong
  if (response.status === 0) {
    want(upstream || circumstances.disk || circumstances.restart, "the connection broke before any response")
    return wrong
  }
  if (response.outcome === "broken") {
    want(upstream || circumstances.disk || circumstances.restart, "was aborted although nothing was wrong")
  }
  if (refusals.has(response.status)) {
    want(header("content-type") === "application/problem+json", "an error that is no problem document")
    want(header("cache-control") === "no-store", "an error without no-store")
    want(response.status !== 503 || header("retry-after") !== undefined, "503 without Retry-After")
    want(
      response.status === 404
        ? bytes === undefined || upstream
        : upstream || (response.status === 503 && circumstances.restart),
      `${response.status} although nothing was wrong upstream`
    )
    return wrong
  }
  if (bytes === undefined) {
    want(false, `${response.status} for an index without an image for the platform`)
    return wrong
  }
  want(header("etag") === `"${image.digest}"` || response.status === 416, "a wrong ETag")
  const bypass = header("cache-status")?.endsWith("bypass") === true
  const conditional = ask.ifNoneMatch === "matching" || ask.ifNoneMatch === "any"
  if (response.status === 304) {
    want(conditional, "304 for an unconditional request")
    return wrong
  }
  want(!conditional, `${response.status} where 304 was due`)
  const asked =
    ask.method === "HEAD" || ask.ifRange === "other" || bypass ? undefined : partOf(ask, bytes.length)
  const part = asked === "malformed" ? undefined : asked
  if (response.status === 416) {
    want(part === "unsatisfiable", "416 for a satisfiable range")
    want(header("content-range") === `bytes */${bytes.length}`, "416 without the size")
    return wrong
  }
  want(part !== "unsatisfiable", "no 416 for an unsatisfiable range")
  if (part === "unsatisfiable") return wrong
  const { end, start } = part ?? { start: 0, end: bytes.length }
  want(response.status === (part === undefined ? 200 : 206), `status ${response.status}`)
  want(header("content-length") === String(end - start), `Content-Length ${header("content-length")}`)
  want(
    header("content-range") ===
      (part === undefined ? undefined : `bytes ${start}-${end - 1}/${bytes.length}`),
    "a wrong Content-Range"
  )
  want(
    header("content-type") === (compression === "zstd" ? "application/zstd" : "application/x-gzip"),
    "a wrong Content-Type"
  )
  want(
    header("content-disposition") ===
      `attachment; filename=${image.digest}.${compression === "zstd" ? "tar.zst" : "tar.gz"}`,
    "a wrong Content-Disposition"
  )
  const layer = image.layer ?? image.children.at(-1)?.layer
  want(header("docker-content-digest") === layer?.digest, "a wrong layer digest")
  want(header("cache-control") === "public, max-age=31536000, immutable", "a wrong Cache-Control")
  want(header("accept-ranges") === (bypass ? "none" : "bytes"), "a wrong Accept-Ranges")
  want(cacheStatuses.includes(header("cache-status") ?? ""), "an unknown Cache-Status")
  // A complete response has exactly the requested bytes, an aborted response has fewer.
  const body = Buffer.concat(response.body)
  if (response.outcome === "complete" && ask.method === "GET") {
    want(body.equals(bytes.subarray(start, end)), "a complete response with wrong bytes")
  }
  if (response.outcome === "broken") want(body.length < end - start, "broken although complete")
  return wrong
}
