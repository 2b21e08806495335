import { join } from "./Answer.ts"

/** Lines longer than this are given up, in bytes: etcd takes objects of at most 1.5 MiB, unless told otherwise. */
export const maxLength = 16 * 1024 * 1024

const newline = 0x0a

/** A line, or that there was one too long to keep. */
export type Line = Uint8Array | "tooLong"

/** Cuts a stream of bytes into lines, wherever its chunks begin and end. Empty lines are left out. */
export class Lines {
  #pieces: Array<Uint8Array> = []
  #length = 0

  /** The lines that a chunk completes. */
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
    if (this.#length > maxLength) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }

  #complete(lines: Array<Line>): void {
    if (this.#length > maxLength) lines.push("tooLong")
    else if (this.#length > 0) lines.push(join(this.#pieces))
    this.#pieces = []
    this.#length = 0
  }
}
