import { concatBytes } from "./JsonResponse.ts"

/** The maximum length of a line, in bytes. etcd accepts objects of at most 1.5 MiB by default. */
export const maxLineLength = 16 * 1024 * 1024

const newline = 0x0a

/** The bytes of a line without the line break, or "tooLong" for a line of more than `maxLineLength` bytes. */
export type Line = Uint8Array | "tooLong"

/** Splits a stream of bytes into lines. A line may extend over several chunks. Skips empty lines. */
export class LineSplitter {
  #pieces: Array<Uint8Array> = []
  #length = 0

  /** Adds a chunk, and returns the lines that this chunk completes. */
  push(chunk: Uint8Array): ReadonlyArray<Line> {
    const lines: Array<Line> = []
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#keep(chunk.subarray(start, end))
      this.#complete(lines)
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return lines
  }

  #keep(piece: Uint8Array): void {
    this.#length += piece.length
    if (this.#length > maxLineLength) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }

  #complete(lines: Array<Line>): void {
    if (this.#length > maxLineLength) lines.push("tooLong")
    else if (this.#length > 0) lines.push(concatBytes(this.#pieces))
    this.#pieces = []
    this.#length = 0
  }
}
