import type { IncomingMessage } from "node:http"
import { limits } from "./Limits.ts"
import { badRequest, type Problem } from "./Problem.ts"

const oneHost = badRequest(
  "Send one Host header, with a host and perhaps a port: HTTP/1.1 wants it so (RFC 9112, section 3.2)."
)

const otherVersion = badRequest(
  "Speak HTTP/1.1, or 1.0: no other version is spoken here as text (RFC 9112, section 2.3)."
)

const tooManyHeaders: Problem = {
  status: 431,
  detail: `The request has more than ${limits.headers} header fields. Send fewer.`
}

// RFC 9110, section 7.2: a host and an optional port; empty where a target has no authority.
const hostField = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i

const oneAuthorization = badRequest(
  "Send one Authorization header: RFC 9110, section 11.6.2, has no list of them."
)

// What frames such a message is not known for sure (RFC 9112, section 6.1).
const noChunks: Problem = {
  ...badRequest("Send no Transfer-Encoding with HTTP/1.0: it has none. Speak HTTP/1.1."),
  headers: { connection: "close" }
}

/** Whether a header field is there more than once, of which Node keeps the first. */
const isRepeated = (rawHeaders: ReadonlyArray<string>, wanted: string): boolean => {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ""
    if (name.length === wanted.length && name.toLowerCase() === wanted) count++
  }
  return count > 1
}

/** What is wrong with a request's head, beyond what Node's parser refuses (RFC 9112, section 3.2). */
export const problemOf = ({ headers, httpVersion, rawHeaders }: IncomingMessage): Problem | undefined => {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return otherVersion
  if (rawHeaders.length > 2 * limits.headers) return tooManyHeaders
  if (isRepeated(rawHeaders, "authorization")) return oneAuthorization
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) return noChunks
  const { host } = headers
  if (host === undefined) return httpVersion === "1.1" ? oneHost : undefined
  return hostField.test(host) && !isRepeated(rawHeaders, "host") ? undefined : oneHost
}
