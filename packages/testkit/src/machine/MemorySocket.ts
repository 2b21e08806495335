import { Duplex } from "node:stream"

type Done = (error?: Error | null) => void

const reset = (): Error =>
  Object.assign(new Error("the other side reset the connection"), { code: "ECONNRESET" })

/** Largest number of bytes in one delivery to the other end. */
const piece = 32 * 1024

/**
 * One end of a connection inside this process, for Node's HTTP server. Each end buffers `capacity` received bytes. A
 * delivery, the end of a stream and a close each take one turn of the event loop.
 */
export class MemorySocket extends Duplex {
  #peer: MemorySocket | undefined
  readonly #onStep: () => void
  #delivered = 0
  #room: (() => void) | undefined

  private constructor(capacity: number, onStep: () => void) {
    super({ readableHighWaterMark: capacity, writableHighWaterMark: piece, allowHalfOpen: true })
    this.#onStep = onStep
  }

  /**
   * Makes a connection and returns both ends. Calls `onStep` at each delivery, end of stream and close, so that a test
   * can distinguish silence from progress.
   */
  static pair(capacity: number, onStep: () => void = () => {}): readonly [MemorySocket, MemorySocket] {
    const [one, other] = [new MemorySocket(capacity, onStep), new MemorySocket(capacity, onStep)]
    one.#peer = other
    other.#peer = one
    return [one, other]
  }

  /** Closes this end. The other end fails with ECONNRESET. */
  resetAndDestroy(): void {
    const peer = this.#peer
    this.destroy()
    setImmediate(() => peer?.destroy(reset()))
  }

  override _read(): void {
    const room = this.#room
    this.#room = undefined
    if (room !== undefined) setImmediate(room)
  }

  /**
   * Number of bytes delivered to the other end, plus `writableLength`. Until a write is complete, the delivered bytes
   * of this write count twice.
   */
  get bytesWritten(): number {
    return this.#delivered + this.writableLength
  }

  /** True if the other end is closed. An end that does not read gets no event when the other end closes. */
  get isPeerClosed(): boolean {
    return this.#peer === undefined || this.#peer.destroyed
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    // TCP sends no packet for an empty write, so an empty write cannot fail.
    if (chunk.length === 0) return void setImmediate(done)
    this.#deliver(Buffer.from(chunk), done)
  }

  #deliver(left: Buffer, done: Done): void {
    setImmediate(() => {
      this.#onStep()
      const peer = this.#peer
      if (peer === undefined || peer.destroyed || this.destroyed) return done(reset())
      const given = left.subarray(0, piece)
      this.#delivered += given.length
      const full = !peer.push(given)
      const rest = left.subarray(piece)
      const next = rest.length === 0 ? () => done() : () => this.#deliver(rest, done)
      if (full) peer.#room = next
      else next()
    })
  }

  override _final(done: Done): void {
    setImmediate(() => {
      this.#onStep()
      if (this.#peer?.destroyed === false) this.#peer.push(null)
      done()
    })
  }

  override _destroy(error: Error | null, done: Done): void {
    const peer = this.#peer
    const room = this.#room
    this.#room = undefined
    done(error)
    setImmediate(() => {
      this.#onStep()
      // If a write of the other end waits for room, resumes the write, which then finds this end closed.
      room?.()
      if (peer?.destroyed === false && !peer.readableEnded) peer.push(null)
    })
  }
}
