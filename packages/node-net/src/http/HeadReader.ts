import { ConnectionFailure, invalidHttp } from "../ConnectionFailure.ts"

/** The maximum total length, in bytes, of a response's head and of all informational (1xx) heads before it. */
export const maxHeadLength = 256 * 1024

/** The failure of a response whose head is too long. */
export const headTooLong = new ConnectionFailure({
  kind: "http",
  detail: `the head of the response is longer than ${maxHeadLength / 1024} KiB`,
  isRetryable: false
})

/** The head of a response. All text is Latin-1, so that each character is one byte. */
export interface ResponseHead {
  /** 0 for HTTP/1.0, and 1 for every other version with one digit before and one digit after the dot. */
  readonly minorVersion: 0 | 1
  readonly status: number
  /** The values of each field, by lowercase field name. The values are in the order of the response. */
  readonly fields: ReadonlyMap<string, ReadonlyArray<string>>
}

const lineFeed = 10
const carriageReturn = 13

const statusLine = /^HTTP\/(\d)\.(\d) +([1-9]\d\d)(?: .*)?$/s
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// eslint-disable-next-line no-control-regex -- no field value may hold these
const invalidCharacter = /[\0-\x08\x0a-\x1f\x7f]/

const isBlank = (text: string, at: number): boolean => text[at] === " " || text[at] === "\t"

// Uses no regular expression, because one for trailing blanks takes quadratic time for a long run of blanks.
const trim = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text, start)) start++
  while (end > start && isBlank(text, end - 1)) end--
  return text.slice(start, end)
}

/** Joins each line that begins with a blank to the previous line. Returns undefined if there is no previous line. */
const unfold = (lines: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
  const unfolded: Array<Array<string>> = []
  for (const line of lines) {
    if (!isBlank(line, 0)) unfolded.push([line])
    else if (unfolded.length === 0) return undefined
    else unfolded.at(-1)?.push(trim(line))
  }
  return unfolded.map(([first = "", ...more]) =>
    more.length === 0 ? first : [trim(first), ...more].join(" ")
  )
}

/**
 * Parses a head as Go's net/textproto does. Lines end in CR LF or LF. A line that begins with a blank continues the
 * previous line (RFC 9112, section 5.2). A field whose name contains a space is skipped. Returns undefined for an
 * invalid head.
 */
export const parseHead = (text: string): ResponseHead | undefined => {
  const [first = "", ...lines] = text
    .split("\n")
    .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
  const [, major, minor, status] = statusLine.exec(first) ?? []
  if (major === undefined) return undefined
  const joined = unfold(lines)
  if (joined === undefined) return undefined
  const fields = new Map<string, Array<string>>()
  for (const line of joined) {
    const colon = line.indexOf(":")
    if (colon < 1) return undefined
    const name = line.slice(0, colon)
    const value = trim(line.slice(colon + 1))
    if (invalidCharacter.test(value)) return undefined
    if (!token.test(name)) {
      if (token.test(name.replaceAll(" ", ""))) continue
      return undefined
    }
    const values = fields.get(name.toLowerCase())
    if (values === undefined) fields.set(name.toLowerCase(), [value])
    else values.push(value)
  }
  return { minorVersion: major === "1" && minor === "0" ? 0 : 1, status: Number(status), fields }
}

const beginning = "HTTP/"

/**
 * Returns the failure of a response that does not begin with `HTTP/`. If the response is a TLS record, the failure says
 * so. TLS records begin with a byte from 20 to 23.
 */
const otherProtocol = (start: string): ConnectionFailure =>
  [20, 21, 22, 23].includes(start.charCodeAt(0))
    ? new ConnectionFailure({
        kind: "tls",
        detail: "this port speaks TLS, and the request was plain HTTP",
        isRetryable: false
      })
    : invalidHttp()

/** Collects the bytes of a head up to its empty line. */
export class HeadReader {
  #pieces: Array<Uint8Array> = []
  #length = 0
  /** The length of the current line so far. `#endsInReturn` is true if its last byte is CR. */
  #lineLength = 0
  #endsInReturn = false
  #hasLine = false
  /** The first 5 bytes of the head, after leading line breaks. */
  #start = ""

  /** The number of head bytes so far. Includes the heads of informational responses (1xx). */
  get length(): number {
    return this.#length
  }

  /**
   * Copies the bytes of the head. Returns a failure if the head is too long, or if its first line does not begin with
   * `HTTP/`. Returns undefined if the head continues after `bytes`. Otherwise returns the number of bytes in `bytes`
   * that belong to the head.
   */
  take(bytes: Uint8Array): number | ConnectionFailure | undefined {
    const end = this.#find(bytes)
    this.#readStart(bytes)
    if (!beginning.startsWith(this.#start)) return otherProtocol(this.#start)
    return this.#length > maxHeadLength ? headTooLong : end
  }

  #readStart(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#start.length === beginning.length) return
      if (this.#start === "" && (byte === lineFeed || byte === carriageReturn)) continue
      this.#start += String.fromCharCode(byte)
    }
  }

  #find(bytes: Uint8Array): number | undefined {
    let at = 0
    for (;;) {
      const end = bytes.indexOf(lineFeed, at)
      if (end === -1) break
      const length = this.#lineLength + end - at
      const endsInReturn = end === at ? this.#endsInReturn : bytes[end - 1] === carriageReturn
      const isEmpty = length === 0 || (length === 1 && endsInReturn)
      this.#lineLength = 0
      this.#endsInReturn = false
      at = end + 1
      if (!isEmpty) this.#hasLine = true
      else if (this.#hasLine) {
        this.#keep(bytes, at)
        return at
      }
    }
    this.#lineLength += bytes.length - at
    if (bytes.length > at) this.#endsInReturn = bytes[bytes.length - 1] === carriageReturn
    this.#keep(bytes, bytes.length)
    return undefined
  }

  #keep(bytes: Uint8Array, length: number): void {
    this.#length += length
    if (this.#length <= maxHeadLength) this.#pieces.push(Uint8Array.prototype.slice.call(bytes, 0, length))
  }

  /**
   * Parses the complete head. Returns a failure if it is invalid. If the head is informational (1xx), the reader can
   * then take the next head.
   */
  finish(): ResponseHead | ConnectionFailure {
    const text = Buffer.concat(this.#pieces)
      .toString("latin1")
      .replace(/^[\r\n]+/, "")
      .replace(/\r?\n\r?\n$/, "")
    this.#pieces = []
    this.#hasLine = false
    this.#start = ""
    return parseHead(text) ?? invalidHttp()
  }
}
