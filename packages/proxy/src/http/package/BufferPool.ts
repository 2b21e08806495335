import { Clock, Effect, type Scope } from "effect"

const kib = 1024
const mib = 1024 * kib

/** The largest buffer and the smallest: for one body alone, and for each of a thousand. */
const largest = mib
const smallest = 16 * kib

/** A body's first buffer; each may be twice as large as the one before. */
const first = 64 * kib

/** Bytes that the bodies whose clients keep up share, two buffers each; one or two bodies may have four. */
const shared = 8 * mib

/** With this much lent, by clients that did keep up and now do not, only the smallest are lent. */
const maxLent = 24 * mib

/** What is kept for the next body when none uses it. */
const maxKept = 4 * mib

/** A client that is waited for longer than this, in milliseconds, does not keep up: it gets the smallest. */
const slowAfter = 200

/** One body's buffers. Each is lent for one read and the write of it, so that its size is always that of the moment. */
export interface Loan {
  /** A buffer for the next read; at most `depth` are to be out at a time. */
  readonly take: () => Uint8Array
  /** Gives a buffer back, once nothing refers to it. What a broken write may still refer to is not given back. */
  readonly giveBack: (buffer: Uint8Array) => void
  /** How many buffers the body may hold: those that are written, and those that are read ahead. */
  readonly depth: () => number
  /** Waits for the client, and learns from that whether it keeps up. */
  readonly wait: <A, E>(client: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

interface Body {
  /** Bytes lent to it. */
  lent: number
  /** When the wait for its client began, if it waits. */
  since: number
  isSlow: boolean
  isClosed: boolean
  limit: number
}

/** Frees a buffer's memory now: sizes change with the number of bodies, and tens of MiB would wait to be collected. */
const release = ({ buffer }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** The greatest power of two that is at most `bytes`, within the sizes that there are. */
const sizeWithin = (bytes: number): number =>
  bytes < smallest ? smallest : Math.min(largest, 2 ** Math.floor(Math.log2(bytes)))

/** The buffers that bodies are read into and written from. Pages touched once are touched again instead of new ones. */
export class BufferPool {
  readonly #free = new Map<number, Array<Uint8Array>>()
  #freeBytes = 0
  #lent = 0
  /** Bodies in progress whose clients keep up. */
  #active = 0
  /** Bodies that wait for their clients, longest first. */
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
    this.#active++
    return { lent: 0, since: 0, isSlow: false, isClosed: false, limit: first }
  }

  #close(body: Body): void {
    this.#judge(body, true)
    this.#lent -= body.lent
    body.isClosed = true
  }

  /** Clients that do not keep up leave the memory to the others. */
  #judge(body: Body, isSlow: boolean): void {
    this.#waiting.delete(body)
    if (body.isSlow !== isSlow) this.#active += isSlow ? -1 : 1
    body.isSlow = isSlow
  }

  #judgeWaiting(now: number): void {
    for (const body of this.#waiting) {
      if (now - body.since <= slowAfter) return
      this.#judge(body, true)
    }
  }

  #loan(body: Body, now: () => number): Loan {
    return {
      take: () => {
        this.#judgeWaiting(now())
        const size = body.isSlow ? smallest : this.#size(body.limit)
        body.limit = Math.min(2 * body.limit, largest)
        body.lent += size
        this.#lent += size
        return this.#take(size)
      },
      giveBack: (buffer) => {
        if (body.isClosed) return
        body.lent -= buffer.length
        this.#lent -= buffer.length
        this.#giveBack(buffer)
      },
      depth: () => (!body.isSlow && this.#active <= 2 ? 4 : 2),
      wait: (client) =>
        Effect.suspend(() => {
          body.since = now()
          this.#waiting.add(body)
          return Effect.tap(client, () =>
            Effect.sync(() => this.#judge(body, now() - body.since > slowAfter))
          )
        })
    }
  }

  #size(limit: number): number {
    return sizeWithin(Math.min(limit, shared / (2 * this.#active), maxLent - this.#lent))
  }

  #take(size: number): Uint8Array {
    const buffer = this.#free.get(size)?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size)
    this.#freeBytes -= size
    return buffer
  }

  #giveBack(buffer: Uint8Array): void {
    const size = buffer.length
    if (this.#freeBytes + size > maxKept) return release(buffer)
    const free = this.#free.get(size) ?? []
    free.push(buffer)
    this.#free.set(size, free)
    this.#freeBytes += size
  }
}
