import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"

/** The size of new buffers in bytes, by the number of fills in progress. A fill uses two or three buffers at a time. */
const tiers = [
  { maxFills: 8, size: 512 * 1024 },
  { maxFills: 32, size: 128 * 1024 },
  { maxFills: Number.POSITIVE_INFINITY, size: 64 * 1024 }
] as const

/**
 * The maximum total size of the free buffers, in bytes. A released buffer is garbage-collected if this size would be
 * exceeded.
 */
const maxFreeBytes = 2 * 1024 * 1024

/**
 * Reusable buffers for the bytes that fills receive, hash and write. Reuse avoids new memory pages and garbage. A
 * buffer that is never released is garbage-collected.
 */
export class FillBufferPool implements ReadBuffers {
  #fills = 0
  #freeBytes = 0
  #free: Array<Uint8Array> = []
  readonly #taken = new WeakMap<ArrayBufferLike, Uint8Array>()

  fillBegan(): void {
    this.#fills++
  }

  fillEnded(): void {
    this.#fills--
  }

  get #size(): number {
    return tiers.find((tier) => this.#fills <= tier.maxFills)?.size ?? tiers[0].size
  }

  readonly take = (): Uint8Array => {
    const size = this.#size
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      this.#freeBytes -= free.length
      if (free.length === size) return this.#markTaken(free)
    }
    return this.#markTaken(Buffer.allocUnsafeSlow(size))
  }

  #markTaken(buffer: Uint8Array): Uint8Array {
    this.#taken.set(buffer.buffer, buffer)
    return buffer
  }

  /** True if these bytes are in a buffer that was taken from this pool and is not released yet. */
  owns(bytes: Uint8Array): boolean {
    return this.#taken.has(bytes.buffer)
  }

  /**
   * Releases the buffer that contains these bytes. Does nothing if the buffer is not from this pool. The caller must
   * not use the buffer afterwards.
   */
  release(bytes: Uint8Array): void {
    const buffer = this.#taken.get(bytes.buffer)
    if (buffer === undefined) return
    this.#taken.delete(bytes.buffer)
    if (this.#freeBytes + buffer.length > maxFreeBytes) return
    this.#freeBytes += buffer.length
    this.#free.push(buffer)
  }
}
