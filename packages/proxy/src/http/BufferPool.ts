import type { Scope } from "effect"
import { Effect } from "effect"

/** How large buffers are, and how many a body may hold, by how many bodies are under way whose clients keep up. */
const tiers = [
  { upTo: 2, size: 512 * 1024, depth: 4 },
  { upTo: 8, size: 256 * 1024, depth: 2 },
  { upTo: 24, size: 128 * 1024, depth: 2 },
  { upTo: 64, size: 64 * 1024, depth: 2 },
  { upTo: 160, size: 32 * 1024, depth: 2 }
] as const

/** With more bodies than that, and for a client that does not keep up. */
const least = { size: 16 * 1024, depth: 2 } as const

/** A write that takes longer than this, in milliseconds, waits for a client that does not keep up. */
const longWait = 200

/** What is kept for the next body when none uses it, in bytes. */
const kept = 4 * 1024 * 1024

/** One body's buffers. Each is lent for one read and the write of it, so that its size is always that of the moment. */
export interface Loan {
  /** A buffer for the next read; at most `depth` are to be out at a time. */
  readonly take: () => Uint8Array
  /** Gives a buffer back, once nothing refers to it. What a broken write may still refer to is not given back. */
  readonly giveBack: (buffer: Uint8Array) => void
  /** How many buffers the body may hold: one that is written, and those that are read ahead. */
  readonly depth: () => number
  /** Told how long the client let a write wait, in milliseconds. */
  readonly waited: (millis: number) => void
}

/** Frees a buffer's memory now: sizes change with the number of bodies, and tens of MiB would wait to be collected. */
const release = ({ buffer }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** The buffers that bodies are read into and written from. Pages touched once are touched again instead of new ones. */
export class BufferPool {
  readonly #free = new Map<number, Array<Uint8Array>>()
  #freeBytes = 0
  /** Bodies whose clients keep up, or which still hold a buffer that is not of the least size. */
  #swift = 0

  /** Buffers for one body, until the scope ends. */
  readonly acquire: Effect.Effect<Loan, never, Scope.Scope> = Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => this.#open()),
      (body) => Effect.sync(() => body.close())
    ),
    (body) => body.loan
  )

  #open() {
    let held = 0
    let slow = false
    let counted = false
    const count = (): void => {
      const counts = !slow || held > 0
      if (counts !== counted) this.#swift += counts ? 1 : -1
      counted = counts
    }
    count()
    const tier = () => (slow ? least : (tiers.find(({ upTo }) => this.#swift <= upTo) ?? least))
    const loan: Loan = {
      take: () => {
        const { size } = tier()
        if (size > least.size) held++
        return this.#take(size)
      },
      giveBack: (buffer) => {
        if (buffer.length > least.size) held--
        count()
        this.#giveBack(buffer)
      },
      depth: () => tier().depth,
      waited: (millis) => {
        slow = millis > longWait
        count()
      }
    }
    const close = (): void => {
      if (counted) this.#swift--
      counted = false
    }
    return { loan, close }
  }

  #take(size: number): Uint8Array {
    const buffer = this.#free.get(size)?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size)
    this.#freeBytes -= size
    return buffer
  }

  #giveBack(buffer: Uint8Array): void {
    const size = buffer.length
    if (this.#freeBytes + size > kept) return release(buffer)
    const free = this.#free.get(size) ?? []
    free.push(buffer)
    this.#free.set(size, free)
    this.#freeBytes += size
  }
}
