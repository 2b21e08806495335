import { Cause, Effect, type Pull, type Scope } from "effect"
import type { ConnectionFailure } from "../ConnectionFailure.ts"
import type { BodySink, IncomingBody } from "./IncomingBody.ts"

/** Pieces of a body that came together. */
export type Chunks = readonly [Uint8Array, ...Array<Uint8Array>]

/** Memory that a body's bytes may be put into, lent by whoever consumes them. */
export interface LentBuffers {
  /** A buffer nobody else uses. A chunk that lies in one is the only one in it. */
  readonly take: () => Uint8Array
}

export interface BodyReaderOptions {
  /** How much is taken from a connection ahead of the consumer, in bytes; what one read brings comes on top. */
  readonly readAhead: number
  readonly buffers?: LentBuffers | undefined
}

/** Bytes of bodies, all together, after which the memory they came in is collected. */
const collectedAfter = 8 * 1024 * 1024

let uncollected = 0

/**
 * Frees what bytes came in, where the process lets itself be asked (`--expose-gc`; the executable does): V8 counts them as
 * nothing much, and lets some 50 MiB of them gather, which the C library then never gives back.
 */
const collect = (bytes: number): void => {
  uncollected += bytes
  // By its bare name, which keeps the bundle from giving that name to something of its own.
  if (uncollected < collectedAfter || typeof gc !== "function") return
  uncollected = 0
  gc({ type: "minor" })
}

/**
 * Gathers what a connection reads until the consumer takes it. A consumer that waits is woken after all that the socket
 * had at once, since every step of a large body's way costs as much for 64 KiB as for 512.
 */
class Gathering implements BodySink {
  readonly #body: IncomingBody
  readonly #options: BodyReaderOptions
  #chunks: Array<Uint8Array> = []
  #length = 0
  #isPaused = false
  /** The lent buffer being filled, and how much of it is. */
  #filling: Uint8Array | undefined
  #filled = 0
  #end: Effect.Effect<never, ConnectionFailure | Cause.Done> | undefined
  #waiting: ((result: Pull.Pull<Chunks, ConnectionFailure>) => void) | undefined
  #waking: NodeJS.Immediate | undefined

  constructor(body: IncomingBody, options: BodyReaderOptions) {
    this.#body = body
    this.#options = options
    body.attach(this)
  }

  readonly onBytes = (bytes: Uint8Array, isBorrowed: boolean): void => {
    if (this.#options.buffers === undefined) {
      collect(bytes.length)
      this.#chunks.push(isBorrowed ? copyOf(bytes) : bytes)
    } else {
      if (!isBorrowed) collect(bytes.length)
      this.#fill(this.#options.buffers, bytes)
    }
    this.#length += bytes.length
    if (this.#length >= this.#options.readAhead) {
      this.#isPaused = true
      this.#body.pause()
    }
    if (this.#waiting !== undefined) this.#waking ??= setImmediate(() => this.#wake())
  }

  readonly onEnd = (failure: ConnectionFailure | undefined): void => {
    this.#end = failure === undefined ? Cause.done() : Effect.fail(failure)
    this.#wake()
  }

  #fill(buffers: LentBuffers, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const into = (this.#filling ??= buffers.take())
      const part = bytes.subarray(at, at + into.length - this.#filled)
      into.set(part, this.#filled)
      at += part.length
      this.#filled += part.length
      if (this.#filled === into.length) this.#pushFilled()
    }
  }

  #pushFilled(): void {
    if (this.#filling === undefined) return
    this.#chunks.push(this.#filling.subarray(0, this.#filled))
    this.#filling = undefined
    this.#filled = 0
  }

  #wake(): void {
    clearImmediate(this.#waking)
    this.#waking = undefined
    const waiting = this.#waiting
    const taken = waiting === undefined ? undefined : this.#take()
    if (taken === undefined) return
    this.#waiting = undefined
    waiting?.(taken)
  }

  /** What is there: bytes first, then how the body ended. */
  #take(): Pull.Pull<Chunks, ConnectionFailure> | undefined {
    this.#pushFilled()
    const [head, ...tail] = this.#chunks
    if (head === undefined) return this.#end
    this.#chunks = []
    this.#length = 0
    if (this.#isPaused) {
      this.#isPaused = false
      this.#body.resume()
    }
    return Effect.succeed([head, ...tail])
  }

  readonly pull: Pull.Pull<Chunks, ConnectionFailure> = Effect.suspend(
    () =>
      this.#take() ??
      Effect.callback<Chunks, ConnectionFailure | Cause.Done>((resume) => {
        this.#waiting = resume
        return Effect.sync(() => {
          // Another may wait by now.
          if (this.#waiting === resume) this.#waiting = undefined
        })
      })
  )

  close(): void {
    clearImmediate(this.#waking)
    this.#chunks = []
    this.#filling = undefined
    this.#body.abandon()
  }
}

const copyOf = (bytes: Uint8Array): Uint8Array => {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

/** A body as a pull of what has come; with the scope what is left of it is given up. To be opened once. */
export const open = (
  body: IncomingBody,
  options: BodyReaderOptions
): Effect.Effect<Pull.Pull<Chunks, ConnectionFailure>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Gathering(body, options)),
      (gathering) => Effect.sync(() => gathering.close())
    ),
    (gathering) => gathering.pull
  )
