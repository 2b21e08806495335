import { ConnectionFailure, notHttp } from "../ConnectionFailure.ts"

/** The longest head of an answer that is read, informational ones before it included, in bytes. */
export const maxHeadLength = 256 * 1024

/** The failure of an answer whose head does not end in time. */
export const headTooLong = new ConnectionFailure({
  kind: "http",
  detail: `the head of the answer is longer than ${maxHeadLength / 1024} KiB`,
  isPassing: false
})

/** The head of an answer. Text has a character for each byte (Latin-1). */
export interface Head {
  /** 0 for HTTP/1.0, 1 for HTTP/1.1 and whatever else calls itself HTTP with one digit on each side. */
  readonly minorVersion: 0 | 1
  readonly status: number
  /** The values of each field in the order they came, by its name in lowercase. */
  readonly fields: ReadonlyMap<string, ReadonlyArray<string>>
}

const lineFeed = 10
const carriageReturn = 13

const statusLine = /^HTTP\/(\d)\.(\d) +([1-9]\d\d)(?: .*)?$/s
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// eslint-disable-next-line no-control-regex -- these are what no field may hold
const unfit = /[\0-\x08\x0a-\x1f\x7f]/

const isBlank = (text: string, at: number): boolean => text[at] === " " || text[at] === "\t"

// Not by a pattern: one for the end is tried at each blank of a long field.
const trim = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text, start)) start++
  while (end > start && isBlank(text, end - 1)) end--
  return text.slice(start, end)
}

/** Puts lines that begin with a blank behind the ones before them; undefined where there is none. */
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
 * Reads a head as Go's net/textproto does: lines end in CR LF or LF, a line that begins with a blank goes on with the one
 * before (RFC 9112, section 5.2), a name with a blank in it is passed over. Undefined where that cannot be done.
 */
export const parseHead = (text: string): Head | undefined => {
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
    if (unfit.test(value)) return undefined
    if (!token.test(name)) {
      if (token.test(name.replaceAll(" ", ""))) continue
      return undefined
    }
    const known = fields.get(name.toLowerCase())
    if (known === undefined) fields.set(name.toLowerCase(), [value])
    else known.push(value)
  }
  return { minorVersion: major === "1" && minor === "0" ? 0 : 1, status: Number(status), fields }
}

const beginning = "HTTP/"

/** The failure of an answer that begins as none does. A TLS record begins with its type. */
const otherProtocol = (start: string): ConnectionFailure =>
  [20, 21, 22, 23].includes(start.charCodeAt(0))
    ? new ConnectionFailure({
        kind: "tls",
        detail: "it speaks TLS on this port, and was spoken to in plain HTTP",
        isPassing: false
      })
    : notHttp()

/** Collects the bytes of a head, however they are cut, up to the empty line behind it. */
export class HeadReader {
  #pieces: Array<Uint8Array> = []
  #length = 0
  /** Bytes of the line being read, and whether the last of them is a CR. */
  #lineLength = 0
  #endsInReturn = false
  #isBegun = false
  /** Its first bytes but for line breaks before them. */
  #start = ""

  /** Bytes taken so far; what a later head of the same answer may have is less by as much. */
  get length(): number {
    return this.#length
  }

  /**
   * Takes bytes, which may be overwritten once it returns. Answers how many belong to the head where it ends among
   * them, undefined where it does not end, and the failure of what can be no head.
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
      if (!isEmpty) this.#isBegun = true
      else if (this.#isBegun) {
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

  /** The head that ended; begins the next one of the same answer. */
  finish(): Head | ConnectionFailure {
    const text = Buffer.concat(this.#pieces)
      .toString("latin1")
      .replace(/^[\r\n]+/, "")
      .replace(/\r?\n\r?\n$/, "")
    this.#pieces = []
    this.#isBegun = false
    this.#start = ""
    return parseHead(text) ?? notHttp()
  }
}
