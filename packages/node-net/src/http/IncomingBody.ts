import type { ConnectionFailure } from "../ConnectionFailure.ts"

/** Takes a body's bytes as they come. */
export interface BodySink {
  /** Bytes that are overwritten once this returns where `isBorrowed`. */
  readonly onBytes: (bytes: Uint8Array, isBorrowed: boolean) => void
  /** Called once; without a failure all has come. */
  readonly onEnd: (failure: ConnectionFailure | undefined) => void
}

/** What a body needs of the connection it comes on. */
export interface BodySource {
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => void
}

/** The body of one answer. Its connection waits until somebody takes the bytes. */
export class IncomingBody {
  /** Undefined once the body has ended: its connection may be another's then. */
  #source: BodySource | undefined
  #sink: BodySink | undefined
  #held: Array<Uint8Array> = []
  #failure: ConnectionFailure | undefined

  constructor(source: BodySource) {
    this.#source = source
  }

  /** For the connection: hands bytes on. */
  deliver(bytes: Uint8Array, isBorrowed: boolean): void {
    if (this.#sink !== undefined) return this.#sink.onBytes(bytes, isBorrowed)
    this.#held.push(isBorrowed ? Uint8Array.prototype.slice.call(bytes) : bytes)
    this.#source?.pause()
  }

  /** For the connection: nothing more comes. */
  end(failure: ConnectionFailure | undefined): void {
    if (this.#source === undefined) return
    this.#source = undefined
    this.#failure = failure
    this.#sink?.onEnd(failure)
  }

  /** To be called once: gives what has come, then what comes. */
  attach(sink: BodySink): void {
    this.#sink = sink
    const held = this.#held
    this.#held = []
    for (const bytes of held) sink.onBytes(bytes, false)
    if (this.#source === undefined) sink.onEnd(this.#failure)
    else if (held.length > 0) this.#source.resume()
  }

  pause(): void {
    this.#source?.pause()
  }

  resume(): void {
    this.#source?.resume()
  }

  /** Nobody wants the rest: unless all has come, its connection is closed, and who waits for it hears that. */
  abandon(): void {
    if (this.#source === undefined) return
    this.#held = []
    this.#source.close()
  }
}
