import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import { Effect, Stream } from "effect"

/**
 * Copies a chunk into one of `buffers` and returns the copy, as a RegistryClient that supports `buffers` does. Returns
 * the chunk itself if `buffers` is undefined or the buffer is too small.
 */
export const copyIntoBuffer = (buffers: ReadBuffers | undefined, chunk: Uint8Array): Uint8Array => {
  const buffer = buffers?.take()
  if (buffer === undefined || buffer.length < chunk.length) return chunk
  buffer.set(chunk)
  return buffer.subarray(0, chunk.length)
}

/**
 * Buffers for a test that reads a blob. `collect` copies each chunk, and then clears and reuses the chunk's buffer. If
 * a client still uses a cleared buffer, the client returns wrong bytes, and the test fails.
 */
export class TestBuffers implements ReadBuffers {
  readonly #size: number
  readonly #lent = new WeakMap<ArrayBufferLike, Uint8Array>()
  readonly #free: Array<Uint8Array> = []
  /** Number of buffers allocated so far. */
  allocatedBuffers = 0
  /** Number of chunks that `collect` received in these buffers. */
  collectedChunks = 0

  constructor(size: number) {
    this.#size = size
  }

  readonly take = (): Uint8Array => {
    const buffer = this.#free.pop() ?? new Uint8Array(this.#size)
    if (!this.#lent.has(buffer.buffer)) this.allocatedBuffers++
    this.#lent.set(buffer.buffer, buffer)
    return buffer
  }

  #copy(chunk: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(chunk)
    const buffer = this.#lent.get(chunk.buffer)
    if (buffer === undefined) return copy
    buffer.fill(0)
    this.#free.push(buffer)
    this.collectedChunks++
    return copy
  }

  /** Runs a stream that may write into these buffers, and returns all its bytes. */
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
