import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Latch } from "effect"

/**
 * An operation that a client requests from the test registry. `ping` requests `/v2/`. `store` requests a blob from the
 * blob store after a redirect.
 */
export type ServedOperation = "ping" | "manifest" | "blob" | "token" | "store"

/**
 * Responds with this status instead of serving the request. Default body: an error in the format of distribution-spec.
 */
interface Status {
  readonly _tag: "Status"
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * Ends the body after `after` bytes. `close` closes the connection, and `reset` resets it. `short-length` makes the
 * response valid, with a Content-Length of `after`.
 */
interface Truncate {
  readonly _tag: "Truncate"
  readonly after: number
  readonly ending: "close" | "reset" | "short-length"
}

/** Inverts the byte at this offset of the body. */
interface Corrupt {
  readonly _tag: "Corrupt"
  readonly at: number
}

/** Sends `after` bytes of the body, opens the latch `reached`, and sends the rest when the latch `until` opens. */
export interface Stall {
  readonly _tag: "Stall"
  readonly after: number
  readonly until: Latch.Latch
  readonly reached?: Latch.Latch
}

/** Sends no part of the response until the latch `until` opens. The log contains the request as soon as it arrives. */
export interface DelayHeaders {
  readonly _tag: "DelayHeaders"
  readonly until: Latch.Latch
}

/**
 * Sends a Content-Length that is `by` bytes too large (too small if negative), and closes the connection after the
 * body.
 */
interface WrongLength {
  readonly _tag: "WrongLength"
  readonly by: number
}

/** Sends the body chunked, without a Content-Length. */
interface NoLength {
  readonly _tag: "NoLength"
}

/** Sends the body without a Content-Length, and then sends zeros until the client disconnects. */
interface Endless {
  readonly _tag: "Endless"
}

/** Resets the connection instead of responding. */
interface Reset {
  readonly _tag: "Reset"
}

/** Responds 206 to a request with a Range, but the range starts `by` bytes too late (too early if negative). */
interface WrongContentRange {
  readonly _tag: "WrongContentRange"
  readonly by: number
}

/** Responds as if the request had no Range. */
interface IgnoreRange {
  readonly _tag: "IgnoreRange"
}

/** Responds with this status to a request that has a Range. */
interface RefuseRange {
  readonly _tag: "RefuseRange"
  readonly status: number
}

/**
 * Sends `status` instead of the correct status, and leaves the rest unchanged. Examples: 206 with a whole body, 200
 * with a partial body.
 */
interface WrongStatus {
  readonly _tag: "WrongStatus"
  readonly status: number
}

/** Encodes the body, and sets Content-Encoding and Content-Length to match. */
interface Encode {
  readonly _tag: "Encode"
  readonly coding: "gzip" | "deflate" | "br" | "zstd"
}

/** Limits the rate of the body. The time comes from the Clock service, so a test with a TestClock must advance it. */
interface RateLimit {
  readonly _tag: "RateLimit"
  readonly bytesPerSecond: number
}

/** Sets header fields of the response. `undefined` removes a field. */
interface Headers {
  readonly _tag: "Headers"
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Replaces the body, and sets the Content-Length to match. */
interface Body {
  readonly _tag: "Body"
  readonly body: string
}

/**
 * A fault of the test registry. Byte counts and offsets start at 0 in each response body, even if the request has a
 * Range.
 */
export type Fault =
  | Status
  | Truncate
  | Corrupt
  | Stall
  | DelayHeaders
  | WrongLength
  | NoLength
  | Endless
  | Reset
  | WrongContentRange
  | IgnoreRange
  | RefuseRange
  | WrongStatus
  | Encode
  | RateLimit
  | Headers
  | Body

/**
 * Selects the requests that a fault affects. By default, it affects only the next request, with any digest and method.
 * `times` is the number of affected requests.
 */
export interface FaultOptions {
  readonly times?: number | "always"
  readonly digest?: Digest
  readonly method?: "GET" | "HEAD" | "POST"
}

/** Returns the first fault with this tag, or undefined. */
export const findFault = <const Tag extends Fault["_tag"]>(
  faults: ReadonlyArray<Fault>,
  tag: Tag
): Extract<Fault, { readonly _tag: Tag }> | undefined =>
  faults.find((fault): fault is Extract<Fault, { readonly _tag: Tag }> => fault._tag === tag)
