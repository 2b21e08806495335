import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Latch } from "effect"

/** The purpose of a request. `store` is the blob store that the registry redirects blob requests to. */
export type Operation = "ping" | "manifest" | "blob" | "token" | "store"

/** Responds with this status instead of serving. Default body: an error as in distribution-spec. */
export interface Status {
  readonly _tag: "Status"
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Ends the body after `after` bytes: by a close, by a reset, or cleanly with the Content-Length of these bytes. */
export interface Truncate {
  readonly _tag: "Truncate"
  readonly after: number
  readonly ending: "close" | "reset" | "short-length"
}

/** Inverts the byte at this offset of the body. */
export interface Corrupt {
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

/** Sends nothing until `until` opens; the log has the request already. */
export interface DelayHeaders {
  readonly _tag: "DelayHeaders"
  readonly until: Latch.Latch
}

/** Sends a Content-Length that is wrong by `by` bytes, and closes the connection after the true body. */
export interface WrongLength {
  readonly _tag: "WrongLength"
  readonly by: number
}

/** Sends the body chunked, without a Content-Length. */
export interface NoLength {
  readonly _tag: "NoLength"
}

/** Sends the body chunked, then zeros for as long as the client reads. */
export interface Endless {
  readonly _tag: "Endless"
}

/** Resets the connection before the response. */
export interface Reset {
  readonly _tag: "Reset"
}

/** Responds to a Range with a 206 whose range begins `by` bytes off the requested one. */
export interface WrongContentRange {
  readonly _tag: "WrongContentRange"
  readonly by: number
}

/** Responds as if the request had no Range. */
export interface IgnoreRange {
  readonly _tag: "IgnoreRange"
}

/** Responds to a request with a Range with this status. */
export interface RefuseRange {
  readonly _tag: "RefuseRange"
  readonly status: number
}

/** Serves normally under another status: 206 for the whole, 200 for a part. */
export interface Relabel {
  readonly _tag: "Relabel"
  readonly status: number
}

/** Sends the body encoded, with its Content-Encoding and the encoded length. */
export interface Encode {
  readonly _tag: "Encode"
  readonly coding: "gzip" | "deflate" | "br" | "zstd"
}

/** Limits the speed of the body, by the Clock of the registry (a TestClock in tests). */
export interface RateLimit {
  readonly _tag: "RateLimit"
  readonly bytesPerSecond: number
}

/** Sets fields of the response's head; undefined removes one. */
export interface Headers {
  readonly _tag: "Headers"
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Replaces the body, with a correct length. */
export interface Body {
  readonly _tag: "Body"
  readonly body: string
}

/** A fault of the registry. Byte counts and offsets refer to one response's body: a resumed response begins at 0. */
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
  | Relabel
  | Encode
  | RateLimit
  | Headers
  | Body

/** Selects the requests a fault hits: the next `times` of them (default 1), of one digest or method or of any. */
export interface FaultOptions {
  readonly times?: number | "always"
  readonly digest?: Digest
  readonly method?: "GET" | "HEAD" | "POST"
}

/** The fault with this tag, if there is one. */
export const find = <const Tag extends Fault["_tag"]>(
  faults: ReadonlyArray<Fault>,
  tag: Tag
): Extract<Fault, { readonly _tag: Tag }> | undefined =>
  faults.find((fault): fault is Extract<Fault, { readonly _tag: Tag }> => fault._tag === tag)
