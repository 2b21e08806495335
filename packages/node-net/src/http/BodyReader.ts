import { Cause, Effect, type Pull, type Scope } from "effect"
import type { ConnectionFailure } from "../ConnectionFailure.ts"
import type { BodySink, IncomingBody } from "./IncomingBody.ts"

/** One or more consecutive pieces of a body. */
export type Chunks = readonly [Uint8Array, ...Array<Uint8Array>]

/** Buffers that the consumer of a body lends. Has the same members as `ReadBuffers` in packages/domain. */
export interface ReadBuffers {
  /** Returns a free buffer. The bytes of one chunk are written into it. */
  readonly take: () => Uint8Array
}

export interface BodyReaderOptions {
  /** The connection is paused while at least this number of bytes is buffered. */
  readonly readAhead: number
  /** Default: new memory for each chunk. */
  readonly buffers?: ReadBuffers | undefined
}

/** The number of bytes that are allocated for chunks of all bodies before garbage is collected. */
const collectAfter = 8 * 1024 * 1024

let uncollectedBytes = 0

/**
 * Adds the size of a newly allocated chunk to a sum. When the sum reaches {@link collectAfter}, collects garbage, and
 * the sum begins again at 0. Collects only if `gc` is exposed (`--expose-gc`), as in the executable. V8 underestimates
 * the memory of chunks, and would otherwise let about 50 MiB accumulate. The C library never returns this memory to the
 * system.
 */
const collectGarbage = (bytes: number): void => {
  uncollectedBytes += bytes
  // Written as a bare name, not `globalThis.gc`, so that the bundler gives no variable the name `gc`.
  if (uncollectedBytes < collectAfter || typeof gc !== "function") return
  uncollectedBytes = 0
  gc({ type: "minor" })
}

/**
 * Buffers the bytes of a body until the consumer takes them. Wakes a waiting consumer only after the socket has
 * delivered all available bytes, since waking costs the same for 64 KiB as for 512 KiB.
 */
class ReadAhead implements BodySink {
  readonly #body: IncomingBody
  readonly #options: BodyReaderOptions
  #chunks: Array<Uint8Array> = []
  #length = 0
  #isPaused = false
  /**
   * The buffer from {@link ReadBuffers} into which the next bytes are copied. `#filled` is the number of bytes in it so
   * far.
   */
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
      collectGarbage(bytes.length)
      this.#chunks.push(isBorrowed ? copyOf(bytes) : bytes)
    } else {
      if (!isBorrowed) collectGarbage(bytes.length)
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

  #fill(buffers: ReadBuffers, bytes: Uint8Array): void {
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

  /**
   * Returns the buffered bytes, or the end of the body if no bytes are buffered. Undefined if the next bytes have not
   * arrived yet.
   */
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
          // Another pull may be waiting already.
          if (this.#waiting === resume) this.#waiting = undefined
        })
      })
  )

  close(): void {
    clearImmediate(this.#waking)
    this.#chunks = []
    this.#filling = undefined
    this.#body.cancel()
  }
}

const copyOf = (bytes: Uint8Array): Uint8Array => {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

/**
 * Returns a `Pull` that reads the chunks of a body. Call `open` only once for a body. The body is cancelled when the
 * scope closes.
 */
export const open = (
  body: IncomingBody,
  options: BodyReaderOptions
): Effect.Effect<Pull.Pull<Chunks, ConnectionFailure>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new ReadAhead(body, options)),
      (readAhead) => Effect.sync(() => readAhead.close())
    ),
    (readAhead) => readAhead.pull
  )
