const { randomFillSync } = process.getBuiltinModule("node:crypto")

const traceBytes = 16
const spanBytes = 8
const pairBytes = traceBytes + spanBytes

/** The number of pairs made at a time. It is small since a string of one id keeps those of all of them in memory. */
const pairs = 32

/**
 * Random ids of a trace and of a span, made in advance: made one by one they cost more than the rest of a finished
 * span.
 */
export class RandomIds {
  readonly #bytes = Buffer.allocUnsafeSlow(pairs * pairBytes)
  #text = ""
  #at = pairs * pairBytes

  /** Moves on to the next pair. */
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

  /** Writes the trace's id as bytes. */
  writeTraceId(into: Uint8Array, at: number): void {
    for (let index = 0; index < traceBytes; index++) into[at + index] = this.#bytes[this.#at + index] ?? 0
  }

  /** Writes the span's id as bytes. */
  writeSpanId(into: Uint8Array, at: number): void {
    const from = this.#at + traceBytes
    for (let index = 0; index < spanBytes; index++) into[at + index] = this.#bytes[from + index] ?? 0
  }
}
