import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Latch } from "effect"

/**
 * The operation of a request to the test registry. `store`: a blob from the blob store that the registry redirects to.
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
 * Ends the body after `after` bytes. `close` and `reset` break the connection. `short-length` ends the body properly,
 * because the Content-Length is `after`.
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

/** Sends `after` bytes of the body, opens `reached`, and continues once `until` opens. */
export interface Stall {
  readonly _tag: "Stall"
  readonly after: number
  readonly until: Latch.Latch
  readonly reached?: Latch.Latch
}

/** Sends nothing until `until` opens. The log contains the request from the start. */
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

/** Sends the body chunked, followed by zeros until the client disconnects. */
interface Endless {
  readonly _tag: "Endless"
}

/** Resets the connection instead of responding. */
interface Reset {
  readonly _tag: "Reset"
}

/** Responds to a Range with 206, but the range starts `by` bytes after the requested start (before it if negative). */
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

/** Replaces only the status, such as 206 for a whole body or 200 for a part. */
interface WrongStatus {
  readonly _tag: "WrongStatus"
  readonly status: number
}

/** Encodes the body, and sets Content-Encoding and Content-Length to match. */
interface Encode {
  readonly _tag: "Encode"
  readonly coding: "gzip" | "deflate" | "br" | "zstd"
}

/** Limits the rate of the body. The time is that of the registry's Clock, which is a TestClock in tests. */
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
 * A fault of the registry. Byte counts and offsets refer to the body of one response: a response to a resume counts
 * from 0.
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
 * Selects the requests that a fault affects: the next `times` requests (default: 1) with this digest and this method.
 * Default: any digest and any method.
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
