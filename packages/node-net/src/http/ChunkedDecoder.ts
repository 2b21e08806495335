/** The maximum length of a chunk-size line with its extensions, in bytes, as in Go. */
const maxSizeLine = 4096

/** The maximum length of the trailer section, in bytes. */
const maxTrailers = 256 * 1024

const lineFeed = 10
const carriageReturn = 13

const sizeLine = /^([0-9a-f]{1,13})[ \t]*(?:;[^]*)?$/i

/**
 * Decodes a chunked body, and skips its extensions and trailers. Lines must end in CR LF, since HTTP implementations
 * disagree on other line endings. Source: RFC 9112, section 7.1.
 */
export class ChunkedDecoder {
  readonly #emit: (bytes: Uint8Array) => void
  #state: "size" | "data" | "dataEnd" | "trailers" | "done" | "broken" = "size"
  #line = ""
  #left = 0
  #trailers = 0

  constructor(emit: (bytes: Uint8Array) => void) {
    this.#emit = emit
  }

  get isDone(): boolean {
    return this.#state === "done"
  }

  /** True if the bytes taken so far are not valid chunks. */
  get isBroken(): boolean {
    return this.#state === "broken"
  }

  /**
   * Decodes `bytes` up to the end of the chunked body, and emits the data of the chunks. Returns the number of decoded
   * bytes.
   */
  take(bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.length && this.#state !== "done" && this.#state !== "broken") {
      if (this.#state === "data") {
        const length = Math.min(this.#left, bytes.length - at)
        this.#emit(bytes.subarray(at, at + length))
        at += length
        this.#left -= length
        if (this.#left === 0) this.#state = "dataEnd"
      } else {
        at = this.#takeLine(bytes, at)
      }
    }
    return at
  }

  #takeLine(bytes: Uint8Array, at: number): number {
    const found = bytes.indexOf(lineFeed, at)
    const end = found === -1 ? bytes.length : found
    this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString("latin1")
    this.#trailers += this.#state === "trailers" ? end - at : 0
    if (this.#line.length > maxSizeLine && this.#state !== "trailers") this.#state = "broken"
    if (this.#trailers > maxTrailers || (this.#state === "dataEnd" && !"\r".startsWith(this.#line))) {
      this.#state = "broken"
    }
    if (found === -1 || this.#state === "broken") return end
    const line = this.#line
    this.#line = ""
    this.#onLine(line.charCodeAt(line.length - 1) === carriageReturn ? line.slice(0, -1) : undefined)
    return end + 1
  }

  #onLine(line: string | undefined): void {
    if (line === undefined) {
      this.#state = "broken"
    } else if (this.#state === "dataEnd") {
      this.#state = "size"
    } else if (this.#state === "trailers") {
      if (line === "") this.#state = "done"
    } else {
      const size = sizeLine.exec(line)?.[1]
      this.#left = size === undefined ? 0 : Number.parseInt(size, 16)
      this.#state = size === undefined ? "broken" : this.#left === 0 ? "trailers" : "data"
    }
  }
}
