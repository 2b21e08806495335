const { randomFillSync } = process.getBuiltinModule("node:crypto")

const traceBytes = 16
const spanBytes = 8
const pairBytes = traceBytes + spanBytes

/**
 * The number of pairs of a trace id and a span id that are generated at once. All these ids are slices of one string.
 * V8 keeps the whole string in memory while a slice is in use, so the number is small.
 */
const pairs = 32

/**
 * Generates pairs of a random trace id and a random span id. Generates several pairs at once, because this costs much
 * less time than a separate generation of each pair.
 */
export class RandomIds {
  readonly #bytes = Buffer.allocUnsafeSlow(pairs * pairBytes)
  #text = ""
  #at = pairs * pairBytes

  /**
   * Moves to the next pair of ids. `traceId` and `spanId` return the ids of the current pair. There is no current pair
   * before the first call of `next`.
   */
  next(): void {
    this.#at += pairBytes
    if (this.#at < pairs * pairBytes) return
    randomFillSync(this.#bytes)
    // An id of zeros is invalid. Source: W3C Trace Context, section 3.2.2.
    for (let end = pairBytes; end <= this.#bytes.length; end += pairBytes) {
      for (const last of [end - spanBytes - 1, end - 1]) this.#bytes[last] ||= 1
    }
    this.#text = this.#bytes.toString("hex")
    this.#at = 0
  }

  get traceId(): string {
    return this.#text.slice(2 * this.#at, 2 * (this.#at + traceBytes))
  }

  get spanId(): string {
    return this.#text.slice(2 * (this.#at + traceBytes), 2 * (this.#at + pairBytes))
  }

  /** Writes the 16 bytes of the current trace id to `into`, at offset `at`. */
  writeTraceId(into: Uint8Array, at: number): void {
    for (let index = 0; index < traceBytes; index++) into[at + index] = this.#bytes[this.#at + index] ?? 0
  }

  /** Writes the 8 bytes of the current span id to `into`, at offset `at`. */
  writeSpanId(into: Uint8Array, at: number): void {
    const from = this.#at + traceBytes
    for (let index = 0; index < spanBytes; index++) into[at + index] = this.#bytes[from + index] ?? 0
  }
}
