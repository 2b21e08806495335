import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import { Effect, Stream } from "effect"

/** Puts a chunk into a buffer of the reader, as a source does that is lent buffers. */
export const inBufferOf = (buffers: ReadBuffers | undefined, chunk: Uint8Array): Uint8Array => {
  const buffer = buffers?.take()
  if (buffer === undefined || buffer.length < chunk.length) return chunk
  buffer.set(chunk)
  return buffer.subarray(0, chunk.length)
}

/** A reader's buffers. Each is overwritten as soon as its chunk is copied, and then lent again. */
export class TestBuffers implements ReadBuffers {
  readonly #size: number
  readonly #lent = new WeakMap<ArrayBufferLike, Uint8Array>()
  readonly #free: Array<Uint8Array> = []
  /** The number of buffers. */
  made = 0
  /** The number of chunks that came in a buffer. */
  chunks = 0

  constructor(size: number) {
    this.#size = size
  }

  readonly take = (): Uint8Array => {
    const buffer = this.#free.pop() ?? new Uint8Array(this.#size)
    if (!this.#lent.has(buffer.buffer)) this.made++
    this.#lent.set(buffer.buffer, buffer)
    return buffer
  }

  #copy(chunk: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(chunk)
    const buffer = this.#lent.get(chunk.buffer)
    if (buffer === undefined) return copy
    buffer.fill(0)
    this.#free.push(buffer)
    this.chunks++
    return copy
  }

  /** Collects the bytes of a stream that is lent these buffers. */
  collect<E, R>(stream: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Uint8Array, E, R> {
    return Effect.suspend(() => {
      const copies: Array<Uint8Array> = []
      return stream.pipe(
        Stream.runForEachArray((chunks) =>
          Effect.sync(() => {
            for (const chunk of chunks) copies.push(this.#copy(chunk))
          })
        ),
        Effect.map(() => new Uint8Array(Buffer.concat(copies)))
      )
    })
  }
}
