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

/** Node keeps the first of several. */
const hostCount = (rawHeaders: ReadonlyArray<string>): number => {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ""
    if (name.length === 4 && name.toLowerCase() === "host") count++
  }
  return count
}

/** What is wrong with a request's head, beyond what Node's parser refuses (RFC 9112, section 3.2). */
export const problemOf = ({ headers, httpVersion, rawHeaders }: IncomingMessage): Problem | undefined => {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return otherVersion
  if (rawHeaders.length > 2 * limits.headers) return tooManyHeaders
  const { host } = headers
  if (host === undefined) return httpVersion === "1.1" ? oneHost : undefined
  return hostField.test(host) && hostCount(rawHeaders) === 1 ? undefined : oneHost
}
