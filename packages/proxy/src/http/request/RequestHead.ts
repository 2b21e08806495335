import type { IncomingMessage } from "node:http"
import { httpLimits } from "./HttpLimits.ts"
import { badRequest, type Problem } from "./Problem.ts"

const oneHost = badRequest(
  "Send one Host header with a host and an optional port: HTTP/1.1 requires it (RFC 9112, section 3.2)."
)

const otherVersion = badRequest(
  "Use HTTP/1.1 or HTTP/1.0: no other version is supported (RFC 9112, section 2.3)."
)

const tooManyHeaders: Problem = {
  status: 431,
  detail: `The request has more than ${httpLimits.maxHeaders} header fields. Send fewer.`
}

// A host and an optional port, or empty for a target without authority (RFC 9110, section 7.2).
const hostField = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i

const oneAuthorization = badRequest("Send only one Authorization header (RFC 9110, section 11.6.2).")

// The framing of an HTTP/1.0 message with Transfer-Encoding is ambiguous (RFC 9112, section 6.1).
const noChunks: Problem = {
  ...badRequest("Send no Transfer-Encoding with HTTP/1.0, which does not have it. Use HTTP/1.1."),
  headers: { connection: "close" }
}

/**
 * True if a header field occurs more than once. Checks `rawHeaders`, since Node's `headers` has only the first value of
 * Host and Authorization.
 */
const isRepeated = (rawHeaders: ReadonlyArray<string>, wanted: string): boolean => {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ""
    if (name.length === wanted.length && name.toLowerCase() === wanted) count++
  }
  return count > 1
}

/**
 * Returns the problem of a request head that violates HTTP/1.1 or has too many fields, although Node's parser accepts
 * it. Returns undefined for a valid head.
 */
export const problemOf = ({ headers, httpVersion, rawHeaders }: IncomingMessage): Problem | undefined => {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return otherVersion
  if (rawHeaders.length > 2 * httpLimits.maxHeaders) return tooManyHeaders
  if (isRepeated(rawHeaders, "authorization")) return oneAuthorization
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) return noChunks
  const { host } = headers
  if (host === undefined) return httpVersion === "1.1" ? oneHost : undefined
  return hostField.test(host) && !isRepeated(rawHeaders, "host") ? undefined : oneHost
}
