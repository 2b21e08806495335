import { Clock, Duration, Effect, type Scope } from "effect"

const kib = 1024
const mib = 1024 * kib

/** The sizes of buffers: the largest for a single body, the smallest for each of a thousand. */
const maxSize = mib
const minSize = 16 * kib

/** The size of a body's first buffer. Each further one may be twice as large as the previous. */
const firstSize = 64 * kib

/** Bytes that all bodies with fast clients share, for two buffers each; one or two bodies may have four buffers. */
const fastBudget = 8 * mib

/** Bytes in use above which only the smallest buffers are given out: clients that were fast hold the rest. */
const maxInUseBytes = 24 * mib

/** Bytes of free buffers that are kept for the next body. */
const maxFreeBytes = 4 * mib

/** A client that accepts no bytes for longer is slow: its body gets the smallest buffers. */
const slowAfterMillis = Duration.toMillis("200 millis")

/** The buffers of one body. A buffer serves one read and the write of it, so sizes adapt to the current load. */
export interface BodyBuffers {
  /** Takes a buffer for the next read. A body uses at most `maxInUse` at a time. */
  readonly take: () => Uint8Array
  /**
   * Releases a buffer that nothing refers to. Buffers of a failed write are not released: the write may refer to them.
   */
  readonly release: (buffer: Uint8Array) => void
  /** The number of buffers that the body may use at a time, for writes and read-ahead. */
  readonly maxInUse: () => number
  /** Waits for the client, and measures if it is slow. */
  readonly awaitClient: <A, E>(client: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

interface Body {
  /** Bytes of its buffers in use. */
  inUseBytes: number
  /** The time at which the wait for its client began, in milliseconds, if it waits. */
  waitingSince: number
  isSlow: boolean
  isClosed: boolean
  /** The largest size of its next buffer. */
  maxSize: number
}

/**
 * Frees a buffer's memory immediately: sizes change with the load, and tens of MiB would wait for the garbage
 * collector.
 */
const free = ({ buffer }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** The largest power of two that is at most `bytes`, between `minSize` and `maxSize`. */
const sizeWithin = (bytes: number): number =>
  bytes < minSize ? minSize : Math.min(maxSize, 2 ** Math.floor(Math.log2(bytes)))

/** The buffers that all bodies are read into and written from. Reuses memory, and divides a budget among the bodies. */
export class BufferPool {
  readonly #free = new Map<number, Array<Uint8Array>>()
  #freeBytes = 0
  #inUseBytes = 0
  /** The number of bodies in progress with fast clients. */
  #fast = 0
  /** Bodies that wait for their clients, longest first. */
  readonly #waiting = new Set<Body>()

  /** The buffers for one body, until the scope closes. */
  readonly acquire: Effect.Effect<BodyBuffers, never, Scope.Scope> = Effect.gen({ self: this }, function* () {
    const clock = yield* Clock.Clock
    const body = yield* Effect.acquireRelease(
      Effect.sync(() => this.#open()),
      (body) => Effect.sync(() => this.#close(body))
    )
    return this.#buffersOf(body, () => clock.currentTimeMillisUnsafe())
  })

  #open(): Body {
    this.#fast++
    return { inUseBytes: 0, waitingSince: 0, isSlow: false, isClosed: false, maxSize: firstSize }
  }

  #close(body: Body): void {
    this.#setSlow(body, true)
    this.#inUseBytes -= body.inUseBytes
    body.isClosed = true
  }

  /** A slow body leaves the budget, except for buffers it holds. */
  #setSlow(body: Body, isSlow: boolean): void {
    this.#waiting.delete(body)
    if (body.isSlow !== isSlow) this.#fast += isSlow ? -1 : 1
    body.isSlow = isSlow
  }

  #markSlow(now: number): void {
    for (const body of this.#waiting) {
      if (now - body.waitingSince <= slowAfterMillis) return
      this.#setSlow(body, true)
    }
  }

  #buffersOf(body: Body, now: () => number): BodyBuffers {
    return {
      take: () => {
        this.#markSlow(now())
        const size = body.isSlow ? minSize : this.#size(body.maxSize)
        body.maxSize = Math.min(2 * body.maxSize, maxSize)
        body.inUseBytes += size
        this.#inUseBytes += size
        return this.#take(size)
      },
      release: (buffer) => {
        if (body.isClosed) return
        body.inUseBytes -= buffer.length
        this.#inUseBytes -= buffer.length
        this.#release(buffer)
      },
      maxInUse: () => (!body.isSlow && this.#fast <= 2 ? 4 : 2),
      awaitClient: (client) =>
        Effect.suspend(() => {
          body.waitingSince = now()
          this.#waiting.add(body)
          return Effect.tap(client, () =>
            Effect.sync(() => this.#setSlow(body, now() - body.waitingSince > slowAfterMillis))
          )
        })
    }
  }

  #size(max: number): number {
    return sizeWithin(Math.min(max, fastBudget / (2 * this.#fast), maxInUseBytes - this.#inUseBytes))
  }

  #take(size: number): Uint8Array {
    const buffer = this.#free.get(size)?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size)
    this.#freeBytes -= size
    return buffer
  }

  #release(buffer: Uint8Array): void {
    const size = buffer.length
    if (this.#freeBytes + size > maxFreeBytes) return free(buffer)
    const sameSize = this.#free.get(size) ?? []
    sameSize.push(buffer)
    this.#free.set(size, sameSize)
    this.#freeBytes += size
  }
}
