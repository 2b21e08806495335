import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Latch } from "effect"

/** The purpose of a request to the registry. `store` is the blob store that blobs may be redirected to. */
export type Operation = "ping" | "manifest" | "blob" | "token" | "store"

/** Answers with this status instead of serving; the body is a distribution-spec error unless one is given. */
export interface Status {
  readonly _tag: "Status"
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * Ends the body after `after` bytes: closing the connection, resetting it, or cleanly with a Content-Length that says
 * no more than what was sent.
 */
export interface Truncate {
  readonly _tag: "Truncate"
  readonly after: number
  readonly ending: "close" | "reset" | "short-length"
}

/** Flips every bit of the byte at this offset of the body. */
export interface Corrupt {
  readonly _tag: "Corrupt"
  readonly at: number
}

/** Sends `after` bytes of the body, opens `reached`, and goes on once `until` is open. */
export interface Stall {
  readonly _tag: "Stall"
  readonly after: number
  readonly until: Latch.Latch
  readonly reached?: Latch.Latch
}

/** Sends nothing at all before `until` is open; the request is in the log by then. */
export interface DelayHeaders {
  readonly _tag: "DelayHeaders"
  readonly until: Latch.Latch
}

/** Says a Content-Length that is wrong by `by` bytes, and closes the connection after the true body. */
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

/** Resets the connection before any answer. */
export interface Reset {
  readonly _tag: "Reset"
}

/** Answers a Range with a 206 whose Content-Range (and bytes) begin `by` bytes elsewhere than asked. */
export interface WrongContentRange {
  readonly _tag: "WrongContentRange"
  readonly by: number
}

/** Answers as if no Range had been asked for. */
export interface IgnoreRange {
  readonly _tag: "IgnoreRange"
}

/** Answers a request with a Range by this status. */
export interface RefuseRange {
  readonly _tag: "RefuseRange"
  readonly status: number
}

/** Serves as ever, under another status: 206 for the whole, 200 for a part. */
export interface Relabel {
  readonly _tag: "Relabel"
  readonly status: number
}

/** Sends the body encoded, with its Content-Encoding and the length of what is sent. */
export interface Encode {
  readonly _tag: "Encode"
  readonly coding: "gzip" | "deflate" | "br" | "zstd"
}

/** Sends the body no faster than this, by the clock the registry was made with (a TestClock in tests). */
export interface RateLimit {
  readonly _tag: "RateLimit"
  readonly bytesPerSecond: number
}

/** Sets headers of the answer, or takes them away where the value is undefined. */
export interface Headers {
  readonly _tag: "Headers"
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Sends this body, with its right length, in place of the true one. */
export interface Body {
  readonly _tag: "Body"
  readonly body: string
}

/**
 * Something a registry does wrong, as a value. Byte counts and offsets are those of the one response's body: a
 * resumed response begins at 0 again.
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
  | Relabel
  | Encode
  | RateLimit
  | Headers
  | Body

/** Which requests suffer: the next `times` of them (1 unless told), of one digest or method or of any. */
export interface FaultOptions {
  readonly times?: number | "always"
  readonly digest?: Digest
  readonly method?: "GET" | "HEAD" | "POST"
}

/** The fault of this kind among those that one request suffers. */
export const find = <const Tag extends Fault["_tag"]>(
  faults: ReadonlyArray<Fault>,
  tag: Tag
): Extract<Fault, { readonly _tag: Tag }> | undefined =>
  faults.find((fault): fault is Extract<Fault, { readonly _tag: Tag }> => fault._tag === tag)
