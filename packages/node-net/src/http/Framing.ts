import { type ConnectionFailure, invalidHttp } from "../ConnectionFailure.ts"
import type { ResponseHead } from "./HeadReader.ts"

/**
 * The place where a response body ends: after a number of bytes, after the last chunk, or where the server closes the
 * connection. Source: RFC 9112, section 6.3.
 */
export type BodyEnd =
  | { readonly _tag: "Length"; readonly length: number }
  | { readonly _tag: "Chunked" }
  | { readonly _tag: "Close" }

/** The end of a response body. `isReusable` is true if the connection can be reused after the body. */
export interface Framing {
  readonly end: BodyEnd
  readonly isReusable: boolean
}

const none: BodyEnd = { _tag: "Length", length: 0 }

const listOf = (values: ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  (values ?? []).flatMap((value) => value.split(",")).map((each) => each.trim().toLowerCase())

/**
 * Returns the length of the body, in bytes, from all values of Content-Length. Returns `invalid` if a value is not a
 * length, or if the values differ. Undefined without a Content-Length. Source: RFC 9110, section 8.6.
 */
const lengthOf = (values: ReadonlyArray<string> | undefined): number | undefined | "invalid" => {
  if (values === undefined) return undefined
  const [first, ...others] = new Set(listOf(values))
  const length = Number(first)
  return others.length > 0 ||
    first === undefined ||
    !/^\d{1,18}$/.test(first) ||
    !Number.isSafeInteger(length)
    ? "invalid"
    : length
}

/**
 * Determines from the head of a response where its body ends. Returns a failure if the head is invalid. As in Go,
 * chunked coding takes precedence over Content-Length. The connection of a response with both is not reused, since an
 * intermediary may have read the response differently (RFC 9112, section 6.1).
 */
export const framingOf = (
  { fields, minorVersion, status }: ResponseHead,
  method: string
): Framing | ConnectionFailure => {
  const connection = new Set(listOf(fields.get("connection")))
  const isPersistent = !connection.has("close") && (minorVersion === 1 || connection.has("keep-alive"))
  const length = lengthOf(fields.get("content-length"))
  if (length === "invalid") return invalidHttp("the response's Content-Length is not a length")
  const coding = listOf(fields.get("transfer-encoding")).join(", ")
  const isChunked = coding === "chunked"
  if (coding !== "" && coding !== "identity" && !isChunked) {
    return invalidHttp("the response has a Transfer-Encoding other than chunked")
  }
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) {
    return { end: none, isReusable: isPersistent && status >= 200 }
  }
  if (isChunked)
    return {
      end: { _tag: "Chunked" },
      isReusable: isPersistent && length === undefined && minorVersion === 1
    }
  if (length !== undefined) return { end: { _tag: "Length", length }, isReusable: isPersistent }
  return { end: { _tag: "Close" }, isReusable: false }
}
