import { Clock, Duration, Effect, type Scope } from "effect"

const kib = 1024
const mib = 1024 * kib

/** Maximum size of a buffer, in bytes. Reached only if the client is fast and few packages are sent at a time. */
const maxSize = mib

/** Minimum size of a buffer, in bytes. Used if the client is slow, or if many packages are sent at a time. */
const minSize = 16 * kib

/** Maximum size of a body's first buffer, in bytes. The maximum doubles with each further buffer, up to `maxSize`. */
const firstSize = 64 * kib

/**
 * The memory budget, in bytes, that all bodies with fast clients share. If there are `n` such bodies, each of their
 * buffers has at most `fastBudget / (2 * n)` bytes, but at least `minSize`. If `n` is 1 or 2, each body may use four
 * buffers at a time, because four buffers of `maxSize` per body do not exceed the budget. If `n` is larger, each body
 * may use two buffers at a time.
 */
const fastBudget = 8 * mib

/**
 * Limit for the total size of the buffers that all bodies use, in bytes. If a new buffer would exceed the limit, it is
 * made smaller, but not smaller than `minSize`. The limit is larger than {@link fastBudget}, because a body may still
 * use large buffers after its client has become slow.
 */
const maxInUseBytes = 24 * mib

/** Maximum number of bytes in the free buffers that the pool keeps for reuse. */
const maxFreeBytes = 4 * mib

/**
 * The time in milliseconds after which a client that accepts no bytes counts as slow. The response body of a slow
 * client gets buffers of `minSize` bytes.
 */
const slowAfterMillis = Duration.toMillis("200 millis")

/**
 * The buffers of one body. Take a new buffer for each read, and release it after its bytes are written, so that the
 * sizes of buffers follow the current load.
 */
export interface BodyBuffers {
  /** Returns a buffer for the next read. The body may use at most `maxInUse()` buffers at a time. */
  readonly take: () => Uint8Array
  /**
   * Makes a buffer available for reuse. Nothing may refer to it any more. Do not release the buffer of a failed write,
   * since the write may still refer to it.
   */
  readonly release: (buffer: Uint8Array) => void
  /** Returns the maximum number of buffers that the body may use at a time, for writes and read-ahead together. */
  readonly maxInUse: () => number
  /**
   * Runs `client`, an effect that waits until the client accepts bytes. The client counts as slow if this takes longer
   * than `slowAfterMillis`.
   */
  readonly awaitClient: <A, E>(client: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

interface Body {
  /** The number of bytes in the buffers that the body uses now. */
  inUseBytes: number
  /**
   * The time at which the body began to wait for its client, in milliseconds since the epoch. Valid only while the body
   * waits.
   */
  waitingSince: number
  isSlow: boolean
  isClosed: boolean
  /** The maximum size of the body's next buffer, in bytes. */
  maxSize: number
}

/**
 * Frees a buffer's memory immediately. Without this, tens of MiB would wait for the garbage collector each time the
 * sizes of the buffers change.
 */
const free = ({ buffer }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Returns the largest power of two that is at most `bytes`, but at least `minSize` and at most `maxSize`. */
const sizeWithin = (bytes: number): number =>
  bytes < minSize ? minSize : Math.min(maxSize, 2 ** Math.floor(Math.log2(bytes)))

/**
 * Provides the buffers through which all package bodies are sent. It reuses buffers, and divides a memory budget among
 * the bodies.
 */
export class BufferPool {
  readonly #free = new Map<number, Array<Uint8Array>>()
  #freeBytes = 0
  #inUseBytes = 0
  /** The number of bodies in progress whose clients are fast. */
  #fast = 0
  /** Bodies that wait for their clients, in the order in which they began to wait. */
  readonly #waiting = new Set<Body>()

  /** Returns the buffers of a new body. The body ends when the scope closes. */
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

  /**
   * Marks a body's client as slow or fast. A body with a slow client gets no part of `fastBudget`. The buffers that the
   * body already uses still count in `#inUseBytes`.
   */
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
