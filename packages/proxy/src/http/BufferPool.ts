import type { Scope } from "effect"
import { Clock, Effect } from "effect"

/** How large buffers are, and how many a body may hold, by how many bodies are under way whose clients keep up. */
const tiers = [
  { upTo: 2, size: 1024 * 1024, depth: 4 },
  { upTo: 8, size: 256 * 1024, depth: 2 },
  { upTo: 24, size: 128 * 1024, depth: 2 },
  { upTo: 64, size: 64 * 1024, depth: 2 },
  { upTo: 160, size: 32 * 1024, depth: 2 }
] as const

/** With more bodies than that, and for a client that does not keep up. */
const least = { size: 16 * 1024, depth: 2 } as const

/** A body's first buffer; each may be twice as large as the one before. */
const firstSize = 64 * 1024

/** A write that is out longer than this, in milliseconds, waits for a client that does not keep up. */
const longWait = 200

/** How much such clients may keep of what they had while they did, in bytes; beyond it they count like any other. */
const mostStuck = 16 * 1024 * 1024

/** What is kept for the next body when none uses it, in bytes. */
const kept = 4 * 1024 * 1024

/** One body's buffers. Each is lent for one read and the write of it, so that its size is always that of the moment. */
export interface Loan {
  /** A buffer for the next read; at most `depth` are to be out at a time. */
  readonly take: () => Uint8Array
  /** Gives a buffer back, once nothing refers to it. What a broken write may still refer to is not given back. */
  readonly giveBack: (buffer: Uint8Array) => void
  /** How many buffers the body may hold: those that are written, and those that are read ahead. */
  readonly depth: () => number
  /** Told when the body begins to wait for its client, and when it goes on. */
  readonly waits: () => void
  readonly goesOn: () => void
}

interface Body {
  /** Bytes lent to it in buffers larger than the least. */
  held: number
  since: number
  slow: boolean
  /** Whether it is among the bodies that share the memory, or what it holds is part of `stuck`. */
  counted: boolean
  stuck: number
  limit: number
}

/** Frees a buffer's memory now: sizes change with the number of bodies, and tens of MiB would wait to be collected. */
const release = ({ buffer }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** The buffers that bodies are read into and written from. Pages touched once are touched again instead of new ones. */
export class BufferPool {
  readonly #free = new Map<number, Array<Uint8Array>>()
  #freeBytes = 0
  #counted = 0
  #stuck = 0
  /** Who waits for a client, longest first. */
  readonly #waiting = new Set<Body>()

  /** Buffers for one body, until the scope ends. */
  readonly acquire: Effect.Effect<Loan, never, Scope.Scope> = Effect.gen({ self: this }, function* () {
    const clock = yield* Clock.Clock
    const body = yield* Effect.acquireRelease(
      Effect.sync(() => this.#open()),
      (body) => Effect.sync(() => this.#close(body))
    )
    return this.#loan(body, () => clock.currentTimeMillisUnsafe())
  })

  #open(): Body {
    this.#counted++
    return { held: 0, since: 0, slow: false, counted: true, stuck: 0, limit: firstSize }
  }

  #close(body: Body): void {
    this.#waiting.delete(body)
    this.#uncount(body)
  }

  #uncount(body: Body): void {
    if (body.counted) this.#counted--
    this.#stuck -= body.stuck
    body.counted = false
    body.stuck = 0
  }

  /** Who does not keep up leaves the memory to the others, but for what it holds. */
  #recount(body: Body, slow: boolean): void {
    body.slow = slow
    this.#uncount(body)
    body.counted = !slow || this.#stuck + body.held > mostStuck
    if (body.counted) {
      this.#counted++
    } else {
      body.stuck = body.held
      this.#stuck += body.stuck
    }
  }

  #loan(body: Body, now: () => number): Loan {
    const tier = () => (body.slow ? least : (tiers.find(({ upTo }) => this.#counted <= upTo) ?? least))
    return {
      take: () => {
        this.#noticeSlow(now())
        const size = Math.min(tier().size, body.limit)
        body.limit = Math.min(2 * body.limit, tiers[0].size)
        if (size > least.size) body.held += size
        return this.#take(size)
      },
      giveBack: (buffer) => {
        if (buffer.length > least.size) body.held -= buffer.length
        if (body.slow) this.#recount(body, true)
        this.#giveBack(buffer)
      },
      depth: () => tier().depth,
      waits: () => {
        body.since = now()
        this.#waiting.add(body)
      },
      goesOn: () => {
        this.#waiting.delete(body)
        this.#recount(body, now() - body.since > longWait)
      }
    }
  }

  #noticeSlow(now: number): void {
    for (const body of this.#waiting) {
      if (now - body.since <= longWait) return
      this.#waiting.delete(body)
      this.#recount(body, true)
    }
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
