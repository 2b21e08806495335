import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"

/** Buffer sizes by the number of fills in progress. A fill holds two or three buffers. */
const tiers = [
  { maxFills: 8, size: 512 * 1024 },
  { maxFills: 32, size: 128 * 1024 },
  { maxFills: Number.POSITIVE_INFINITY, size: 64 * 1024 }
] as const

/** The most bytes of free buffers that are kept for later fills. */
const maxFreeBytes = 2 * 1024 * 1024

/**
 * Reusable buffers in which fills receive, hash and write bytes, so that memory pages are reused and no garbage is
 * made. A buffer that is never released is garbage-collected.
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

  /** True if these bytes lie in a buffer of this pool that was taken and not yet released. */
  owns(bytes: Uint8Array): boolean {
    return this.#taken.has(bytes.buffer)
  }

  /** Takes back the buffer that these bytes lie in, if this pool owns it. The caller must not use it afterwards. */
  release(bytes: Uint8Array): void {
    const buffer = this.#taken.get(bytes.buffer)
    if (buffer === undefined) return
    this.#taken.delete(bytes.buffer)
    if (this.#freeBytes + buffer.length > maxFreeBytes) return
    this.#freeBytes += buffer.length
    this.#free.push(buffer)
  }
}
