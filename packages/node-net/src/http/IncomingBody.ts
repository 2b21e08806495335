import type { ConnectionFailure } from "../ConnectionFailure.ts"

/** Receives the bytes of a body. */
export interface BodySink {
  /** If `isBorrowed`, the bytes may be overwritten after the function has returned. */
  readonly onBytes: (bytes: Uint8Array, isBorrowed: boolean) => void
  /** Called once. The body is complete if `failure` is undefined. */
  readonly onEnd: (failure: ConnectionFailure | undefined) => void
}

/** The connection from which a body is read. */
export interface BodySource {
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => void
}

/** The body of a response. Pauses its connection if bytes arrive before the body has a sink. */
export class IncomingBody {
  /** Undefined after the end of the body, since the connection may then serve another request. */
  #source: BodySource | undefined
  #sink: BodySink | undefined
  #pending: Array<Uint8Array> = []
  #failure: ConnectionFailure | undefined

  constructor(source: BodySource) {
    this.#source = source
  }

  /** Delivers bytes to the sink. Called by the connection. */
  deliver(bytes: Uint8Array, isBorrowed: boolean): void {
    if (this.#sink !== undefined) return this.#sink.onBytes(bytes, isBorrowed)
    this.#pending.push(isBorrowed ? Uint8Array.prototype.slice.call(bytes) : bytes)
    this.#source?.pause()
  }

  /** Ends the body. Called by the connection. */
  end(failure: ConnectionFailure | undefined): void {
    if (this.#source === undefined) return
    this.#source = undefined
    this.#failure = failure
    this.#sink?.onEnd(failure)
  }

  /** Sends all bytes to `sink`, from the first byte on. Call it once. */
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

  /** Cancels the body by closing its connection, unless the body is complete. */
  cancel(): void {
    if (this.#source === undefined) return
    this.#pending = []
    this.#source.close()
  }
}
