import type { BlobBuffers } from "@registry-packages-proxy/domain/BlobBuffers"

/** Sizes of a buffer by how many fills are under way: each holds two or three. */
const tiers = [
  { upTo: 8, size: 512 * 1024 },
  { upTo: 32, size: 128 * 1024 },
  { upTo: Number.POSITIVE_INFINITY, size: 64 * 1024 }
] as const

/** What is kept for the next fill when none uses it, in bytes. */
const kept = 2 * 1024 * 1024

/**
 * The buffers that fills receive, write and hash in: pages touched once are touched again instead of new ones, and
 * nothing is left to be collected. What is not given back is garbage like any other.
 */
export class FillBuffers implements BlobBuffers {
  #fills = 0
  #freeBytes = 0
  #free: Array<Uint8Array> = []
  readonly #lent = new WeakMap<ArrayBufferLike, Uint8Array>()

  began(): void {
    this.#fills++
  }

  ended(): void {
    this.#fills--
  }

  get #size(): number {
    return tiers.find((tier) => this.#fills <= tier.upTo)?.size ?? tiers[0].size
  }

  readonly take = (): Uint8Array => {
    const size = this.#size
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      this.#freeBytes -= free.length
      if (free.length === size) return this.#lend(free)
    }
    return this.#lend(Buffer.allocUnsafeSlow(size))
  }

  #lend(buffer: Uint8Array): Uint8Array {
    this.#lent.set(buffer.buffer, buffer)
    return buffer
  }

  /** Whether these bytes lie in a buffer that was taken here and not yet given back. */
  lent(bytes: Uint8Array): boolean {
    return this.#lent.has(bytes.buffer)
  }

  /** Takes the buffer that these bytes lie in back, where they do: nobody may refer to it any more. */
  giveBack(bytes: Uint8Array): void {
    const buffer = this.#lent.get(bytes.buffer)
    if (buffer === undefined) return
    this.#lent.delete(bytes.buffer)
    if (this.#freeBytes + buffer.length > kept) return
    this.#freeBytes += buffer.length
    this.#free.push(buffer)
  }
}
