import { Duplex } from "node:stream"

type Done = (error?: Error | null) => void

const reset = (): Error =>
  Object.assign(new Error("the other side reset the connection"), { code: "ECONNRESET" })

/** How much is taken off a write at a time; what is beyond waits for room. */
const piece = 32 * 1024

/**
 * One end of a connection that never leaves the process: the kernel's part is `capacity` bytes in each direction, and a
 * turn of the event loop for each step. Node's HTTP server takes one for a socket.
 */
export class MemorySocket extends Duplex {
  #peer: MemorySocket | undefined
  readonly #moved: () => void
  #delivered = 0
  #room: (() => void) | undefined

  /** `moved` is called at each step, so that a test can tell silence from progress. */
  private constructor(capacity: number, moved: () => void) {
    super({ readableHighWaterMark: capacity, writableHighWaterMark: piece, allowHalfOpen: true })
    this.#moved = moved
  }

  /** Both ends of a new connection. */
  static pair(capacity: number, moved: () => void = () => {}): readonly [MemorySocket, MemorySocket] {
    const [one, other] = [new MemorySocket(capacity, moved), new MemorySocket(capacity, moved)]
    one.#peer = other
    other.#peer = one
    return [one, other]
  }

  /** Breaks the connection so that the other side sees a reset, as TCP does where bytes were not read. */
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

  /** As Node's sockets have it: the bytes that the other end was given, and those that wait for that. */
  get bytesWritten(): number {
    return this.#delivered + this.writableLength
  }

  /** The other end is closed for good; who does not read is not told otherwise. */
  get isAbandoned(): boolean {
    return this.#peer === undefined || this.#peer.destroyed
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    // Of no bytes the system makes no packet, which nobody can refuse.
    if (chunk.length === 0) return void setImmediate(done)
    this.#deliver(Buffer.from(chunk), done)
  }

  #deliver(left: Buffer, done: Done): void {
    setImmediate(() => {
      this.#moved()
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
      this.#moved()
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
      this.#moved()
      // Who waits for room learns that there is nobody to make any.
      room?.()
      if (peer?.destroyed === false && !peer.readableEnded) peer.push(null)
    })
  }
}
