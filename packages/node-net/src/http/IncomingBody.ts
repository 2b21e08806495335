import type { ConnectionFailure } from "../ConnectionFailure.ts"

/** Receives the bytes of a body. */
export interface BodySink {
  /** If `isBorrowed`, the bytes are overwritten once this returns. */
  readonly onBytes: (bytes: Uint8Array, isBorrowed: boolean) => void
  /** Called once; without a failure the body is complete. */
  readonly onEnd: (failure: ConnectionFailure | undefined) => void
}

/** The connection of a body. */
export interface BodySource {
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => void
}

/** The body of a response. Its connection is paused until the body has a sink. */
export class IncomingBody {
  /** Undefined once the body has ended: the connection may serve another request then. */
  #source: BodySource | undefined
  #sink: BodySink | undefined
  #pending: Array<Uint8Array> = []
  #failure: ConnectionFailure | undefined

  constructor(source: BodySource) {
    this.#source = source
  }

  /** Delivers bytes; called by the connection. */
  deliver(bytes: Uint8Array, isBorrowed: boolean): void {
    if (this.#sink !== undefined) return this.#sink.onBytes(bytes, isBorrowed)
    this.#pending.push(isBorrowed ? Uint8Array.prototype.slice.call(bytes) : bytes)
    this.#source?.pause()
  }

  /** Ends the body; called by the connection. */
  end(failure: ConnectionFailure | undefined): void {
    if (this.#source === undefined) return
    this.#source = undefined
    this.#failure = failure
    this.#sink?.onEnd(failure)
  }

  /** Sends all bytes to `sink`, from the first one on. Call it once. */
  attach(sink: BodySink): void {
    this.#sink = sink
    const pending = this.#pending
    this.#pending = []
    for (const bytes of pending) sink.onBytes(bytes, false)
    if (this.#source === undefined) sink.onEnd(this.#failure)
    else if (pending.length > 0) this.#source.resume()
  }

  pause(): void {
    this.#source?.pause()
  }

  resume(): void {
    this.#source?.resume()
  }

  /** Cancels the body: closes its connection, unless the body is complete. */
  cancel(): void {
    if (this.#source === undefined) return
    this.#pending = []
    this.#source.close()
  }
}
