import { type ConnectionFailure, notHttp } from "../ConnectionFailure.ts"
import type { Head } from "./HeadReader.ts"

/** Where an answer's body ends. Source: RFC 9112, section 6.3. */
export type BodyEnd =
  | { readonly _tag: "Length"; readonly length: number }
  | { readonly _tag: "Chunked" }
  | { readonly _tag: "Close" }

/** How an answer's body is read, and whether its connection can be used again after it. */
export interface Framing {
  readonly end: BodyEnd
  readonly isKept: boolean
}

const none: BodyEnd = { _tag: "Length", length: 0 }

const listOf = (values: ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  (values ?? []).flatMap((value) => value.split(",")).map((each) => each.trim().toLowerCase())

/** Several equal lengths are one; source: RFC 9110, section 8.6. */
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
 * Reads what a head says of the body behind it. Chunks go before a length, as Go has it; the connection is then not used
 * again, since somebody on the way may have read it otherwise (RFC 9112, section 6.1).
 */
export const framingOf = (
  { fields, minorVersion, status }: Head,
  method: string
): Framing | ConnectionFailure => {
  const connection = new Set(listOf(fields.get("connection")))
  const lives = !connection.has("close") && (minorVersion === 1 || connection.has("keep-alive"))
  const length = lengthOf(fields.get("content-length"))
  if (length === "invalid") return notHttp("the answer's Content-Length is no length")
  const coding = listOf(fields.get("transfer-encoding")).join(", ")
  const isChunked = coding === "chunked"
  if (coding !== "" && coding !== "identity" && !isChunked) {
    return notHttp("the answer comes in a Transfer-Encoding other than chunked")
  }
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) {
    return { end: none, isKept: lives && status >= 200 }
  }
  if (isChunked)
    return { end: { _tag: "Chunked" }, isKept: lives && length === undefined && minorVersion === 1 }
  if (length !== undefined) return { end: { _tag: "Length", length }, isKept: lives }
  return { end: { _tag: "Close" }, isKept: false }
}
