import type { Scope } from "effect"
import { Effect } from "effect"

/** Sizes of a pair of buffers by how many bodies are under way: the more there are, the smaller each reads. */
const tiers = [
  { upTo: 2, size: 512 * 1024 },
  { upTo: 8, size: 128 * 1024 },
  { upTo: 16, size: 32 * 1024 },
  { upTo: Number.POSITIVE_INFINITY, size: 16 * 1024 }
] as const

/** What is kept for the next body when none uses it, in bytes. */
const kept = 8 * 1024 * 1024

/** Two buffers: one is filled while the other is written. */
export type BufferPair = readonly [Uint8Array, Uint8Array]

/** A loan whose buffers go back to the pool only if `reusable` was called: a broken write may still refer to them. */
export interface Loan {
  readonly buffers: BufferPair
  readonly reusable: () => void
}

/** The buffers that bodies are read into and written from. Pages touched once are touched again instead of new ones. */
export class BufferPool {
  readonly #free = new Map<number, Array<BufferPair>>()
  #freeBytes = 0
  #lent = 0

  /** A pair of buffers for one body, until the scope ends. */
  readonly acquire: Effect.Effect<Loan, never, Scope.Scope> = Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => this.#lend()),
      (lent) => Effect.sync(() => this.#giveBack(lent))
    ),
    (lent) => ({
      buffers: lent.buffers,
      reusable: () => {
        lent.reusable = true
      }
    })
  )

  #lend(): { readonly buffers: BufferPair; reusable: boolean } {
    this.#lent++
    const size = tiers.find((tier) => this.#lent <= tier.upTo)?.size ?? tiers[0].size
    const buffers = this.#free.get(size)?.pop()
    if (buffers !== undefined) this.#freeBytes -= 2 * size
    return {
      buffers: buffers ?? [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)],
      reusable: false
    }
  }

  #giveBack(lent: { readonly buffers: BufferPair; readonly reusable: boolean }): void {
    this.#lent--
    const size = lent.buffers[0].length
    if (!lent.reusable || this.#freeBytes + 2 * size > kept) return
    const free = this.#free.get(size) ?? []
    free.push(lent.buffers)
    this.#free.set(size, free)
    this.#freeBytes += 2 * size
  }
}
