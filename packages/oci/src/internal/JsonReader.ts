/** The maximum nesting depth of a JSON text. Source: Go's encoding/json, which most clients use to read manifests. */
export const maxDepth = 10_000

/** The text is not JSON, or is nested deeper than {@link maxDepth}. */
export class NotJson extends Error {}

/** A string, number, boolean or null. {@link container} represents any object or array. */
export type Scalar = string | number | boolean | null | typeof container
export const container = Symbol("object or array")

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isHex = (byte: number): boolean =>
  isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)

/** True if `byte` is the second byte of an escape other than `\u`, such as the `n` of `\n`. */
const isEscape = (byte: number): boolean => '"\\/bfnrt'.includes(String.fromCharCode(byte))

const literals = ["true", "false", "null"] as const

/**
 * Reads JSON bytes, and decodes only the values that the caller asks for. A hostile text therefore costs time in
 * proportion to its length, and almost no memory. Each method that reads a value reads the next value of the text,
 * and throws {@link NotJson} if this value is not valid JSON.
 *
 * Like Go's encoding/json, compares keys case-insensitively, and replaces bytes in a string that are not UTF-8. Unlike
 * encoding/json, skips a byte order mark.
 */
export class JsonReader {
  readonly #bytes: Buffer
  #at: number
  #depth = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  }

  /** Throws {@link NotJson} if anything but whitespace is left in the text. */
  end(): void {
    this.#skipWhitespace()
    if (this.#at < this.#bytes.length) throw new NotJson()
  }

  /**
   * Moves to an earlier position, calls `read`, and moves back. Returns the result of `read`. Undefined if `position`
   * is undefined.
   */
  at<A>(position: number | undefined, read: () => A): A | undefined {
    if (position === undefined) return undefined
    const back = this.#at
    this.#at = position
    const value = read()
    this.#at = back
    return value
  }

  get isObject(): boolean {
    return this.#peek() === openBrace
  }

  get isArray(): boolean {
    return this.#peek() === openBracket
  }

  get isEmptyArray(): boolean {
    const start = this.#position
    if (!this.isArray) return false
    this.#at++
    const isEmpty = this.#peek() === closeBracket
    this.#at = start
    return isEmpty
  }

  /**
   * Reads an object. Returns the position of the value of each key in `keys`. If a key occurs more than once, returns
   * the position of its last value. `keys` may contain only lowercase ASCII letters and dots. Throws {@link NotJson} if
   * the next value is not an object.
   */
  fields<const Key extends string>(keys: ReadonlyArray<Key>): { readonly [K in Key]?: number } {
    const found: { [K in Key]?: number } = {}
    this.#enter(openBrace)
    if (this.#closes(closeBrace)) return found
    do {
      const key = this.#key(keys)
      if (key !== undefined) found[key] = this.#position
      this.skip()
    } while (this.#continues(closeBrace))
    return found
  }

  /**
   * Reads an array and calls `visit` with the position of each element. Throws {@link NotJson} if the next value is not
   * an array.
   */
  array(visit: (position: number) => void): void {
    this.#enter(openBracket)
    if (this.#closes(closeBracket)) return
    do {
      visit(this.#position)
      this.skip()
    } while (this.#continues(closeBracket))
  }

  /** Reads a value. Returns {@link container} for an object or array. */
  scalar(): Scalar {
    const start = this.#position
    const isContainer = this.isObject || this.isArray
    this.skip()
    return isContainer ? container : (JSON.parse(this.#bytes.toString("utf8", start, this.#at)) as Scalar)
  }

  /** Skips the next value and everything in it. */
  skip(): void {
    const first = this.#peek()
    if (first !== openBrace && first !== openBracket) {
      this.#skipScalar(first)
      return
    }
    // One element for each open container: true for an object, false for an array.
    const openLevels: Array<boolean> = []
    for (;;) {
      const byte = this.#peek()
      if (byte === openBrace || byte === openBracket) {
        const close = byte === openBrace ? closeBrace : closeBracket
        this.#at++
        if (this.#peek() !== close) {
          if (this.#depth + openLevels.length >= maxDepth) throw new NotJson()
          openLevels.push(close === closeBrace)
          if (close === closeBrace) this.#skipKey()
          continue
        }
        this.#at++
      } else {
        this.#skipScalar(byte)
      }
      // A value has ended. This loop also closes each container whose last value has ended.
      for (;;) {
        const inObject = openLevels.at(-1)
        if (inObject === undefined) return
        const next = this.#peek()
        this.#at++
        if (next === comma) {
          if (inObject) this.#skipKey()
          break
        }
        if (next !== (inObject ? closeBrace : closeBracket)) throw new NotJson()
        openLevels.pop()
      }
    }
  }

  get #position(): number {
    this.#skipWhitespace()
    return this.#at
  }

  #enter(open: number): void {
    if (this.#peek() !== open || ++this.#depth > maxDepth) throw new NotJson()
    this.#at++
  }

  #closes(close: number): boolean {
    if (this.#peek() !== close) return false
    this.#at++
    this.#depth--
    return true
  }

  #continues(close: number): boolean {
    if (this.#closes(close)) return false
    if (this.#peek() !== comma) throw new NotJson()
    this.#at++
    return true
  }

  /**
   * Reads a key and its colon. Returns the element of `keys` that equals the key when compared case-insensitively.
   * Undefined if there is none.
   */
  #key<Key extends string>(keys: ReadonlyArray<Key>): Key | undefined {
    const start = this.#position + 1
    const isEscaped = this.#skipKeyText()
    const end = this.#at - 1
    this.#colon()
    return keys.find((key) => (isEscaped || key.length === end - start) && this.#isText(key, start, end))
  }

  /**
   * True if the string between two positions equals `text` when compared case-insensitively. `text` is in lowercase.
   */
  #isText(text: string, start: number, end: number): boolean {
    let at = start
    for (let index = 0; index < text.length; index++) {
      if (at >= end) return false
      const byte = this.#bytes[at] as number
      // `text` contains only letters and dots. Of all escapes, only `\u` can encode these.
      const code = byte === backslash ? this.#escaped(at) : byte
      const lower = code >= 0x41 && code <= 0x5a ? code | 0x20 : code
      if (lower !== text.charCodeAt(index)) return false
      at += byte === backslash ? 6 : 1
    }
    return at === end
  }

  /** Returns the character code of a `\u` escape. Returns -1 for any other escape. */
  #escaped(at: number): number {
    if (this.#bytes[at + 1] !== 0x75) return -1
    let code = 0
    for (let digit = at + 2; digit < at + 6; digit++) {
      const byte = this.#bytes[digit] as number
      code = code * 16 + (isDigit(byte) ? byte - 0x30 : (byte | 0x20) - 0x57)
    }
    return code
  }

  #skipKey(): void {
    this.#skipKeyText()
    this.#colon()
  }

  #skipKeyText(): boolean {
    if (this.#peek() !== quote) throw new NotJson()
    return this.#skipString()
  }

  #colon(): void {
    if (this.#peek() !== colon) throw new NotJson()
    this.#at++
  }

  /** Returns the next byte that is not whitespace. Returns -1 at the end. */
  #peek(): number {
    this.#skipWhitespace()
    return this.#at < this.#bytes.length ? (this.#bytes[this.#at] as number) : -1
  }

  #skipWhitespace(): void {
    const bytes = this.#bytes
    let at = this.#at
    while (at < bytes.length) {
      const byte = bytes[at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
      at++
    }
    this.#at = at
  }

  #skipScalar(first: number): void {
    if (first === quote) {
      this.#skipString()
      return
    }
    if (first === 0x2d || isDigit(first)) {
      this.#skipNumber()
      return
    }
    const literal = literals.find((text) => text.charCodeAt(0) === first)
    if (literal === undefined) throw new NotJson()
    const end = this.#at + literal.length
    if (this.#bytes.toString("latin1", this.#at, end) !== literal) throw new NotJson()
    this.#at = end
  }

  /** Skips a string. Returns true if it has a `\u` escape, which may encode a letter. */
  #skipString(): boolean {
    const bytes = this.#bytes
    let isEscaped = false
    let at = this.#at + 1
    for (;;) {
      if (at >= bytes.length) throw new NotJson()
      const byte = bytes[at++] as number
      if (byte === quote) break
      if (byte < 0x20) throw new NotJson()
      if (byte !== backslash) continue
      if (at >= bytes.length) throw new NotJson()
      const escape = bytes[at++] as number
      if (escape === 0x75) {
        isEscaped = true
        for (const stop = at + 4; at < stop; at++) {
          if (at >= bytes.length || !isHex(bytes[at] as number)) throw new NotJson()
        }
      } else if (!isEscape(escape)) {
        throw new NotJson()
      }
    }
    this.#at = at
    return isEscaped
  }

  #skipNumber(): void {
    if (this.#bytes[this.#at] === 0x2d) this.#at++
    if (this.#bytes[this.#at] === 0x30) this.#at++
    else this.#skipDigits()
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at++
      this.#skipDigits()
    }
    if (((this.#bytes[this.#at] ?? 0) | 0x20) === 0x65) {
      this.#at++
      if (this.#bytes[this.#at] === 0x2b || this.#bytes[this.#at] === 0x2d) this.#at++
      this.#skipDigits()
    }
  }

  #skipDigits(): void {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    while (at < bytes.length && isDigit(bytes[at] as number)) at++
    if (at === start) throw new NotJson()
    this.#at = at
  }
}
