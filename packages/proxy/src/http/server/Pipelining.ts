import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { type Limits, limits } from "../request/Limits.ts"

/** Answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Ends a request's head (RFC 9112, section 2.1). */
const headEnd = Buffer.from("\r\n\r\n")

type Bounds = Pick<Limits, "maxPipelined" | "maxHeldBytes">

/** A connection on which a request came before the one ahead of it had been answered. */
export interface Pipeline {
  readonly socket: Duplex
  /** An answer whose end is not known yet is going out: a package. */
  readonly isStreaming: boolean
}

/**
 * How many connections go on to a next request in one turn of the event loop. Node accepts one connection a turn: with
 * many more, those that pipeline would keep new ones out.
 */
const maxGoingOn = 2

/** What the connections of one listener share. */
class Shared {
  /** Bytes that they have read and not yet used up. */
  heldBytes = 0
  readonly pipelines = new Set<Pipeline>()
  /** Those that are to go on to their next request, longest waiting first. */
  readonly #ready = new Set<Connection>()

  /** Has a connection go on once it is its turn among the others. */
  goOnInTurn(connection: Connection): void {
    this.#ready.add(connection)
    if (this.#ready.size === 1) setImmediate(this.#run)
  }

  readonly #run = (): void => {
    let count = 0
    for (const connection of this.#ready) {
      if (count++ === maxGoingOn) return void setImmediate(this.#run)
      this.#ready.delete(connection)
      connection.goOn()
    }
  }
}

/**
 * One connection's requests. Node parses all that one read brought before it returns, which may be hundreds of requests:
 * its parser is given one head at a time instead, and the rest goes back to the socket, which is then read no further.
 */
class Connection implements Pipeline {
  readonly socket: Duplex
  readonly #bounds: Bounds
  readonly #shared: Shared
  readonly #waiting: Array<() => void> = []
  /** Requests parsed and not yet answered: the first is being answered, the others wait. */
  #begun = 0
  /** The last request parsed, kept until all of it is here and it is answered. */
  #latest: IncomingMessage | undefined
  /** The answer in progress. */
  #response: ServerResponse | undefined
  /** Requests that are not parsed yet are back in the socket's buffer, and the socket is read no further. */
  #isPaused = false
  /** Bytes parsed of a head whose end has not come. */
  #headBytes = 0
  /** Bytes counted among those of all connections. */
  #heldBytes = 0
  #isReadAsked = false
  #isYielding = false

  constructor(socket: Duplex, bounds: Bounds, shared: Shared) {
    this.socket = socket
    this.#bounds = bounds
    this.#shared = shared
    const parsers = socket.listeners("data") as ReadonlyArray<(bytes: Buffer) => void>
    // Node's own listeners stop and start the reading of the handle. Node removes them when another listens for data.
    const pausers = socket.listeners("pause") as ReadonlyArray<() => void>
    const resumers = socket.listeners("resume") as ReadonlyArray<() => void>
    socket.removeAllListeners("data")
    socket.on("data", (bytes: Buffer) => {
      this.#read(bytes, (piece) => parsers.forEach((parse) => parse(piece)))
    })
    for (const pause of pausers) socket.on("pause", pause)
    for (const resume of resumers) socket.on("resume", resume)
    socket.once("close", () => {
      this.#setHeld(0)
      shared.pipelines.delete(this)
    })
    // A paused stream would read on, up to its high-water mark.
    const read = socket._read.bind(socket)
    socket._read = (size) => {
      if (!this.#isPaused) return read(size)
      this.#isReadAsked = true
    }
    // One read brings several TLS records, of which the later ones come though it is paused.
    const push = socket.push.bind(socket)
    socket.push = (bytes: Buffer | null, encoding) => {
      const isMoreWanted = push(bytes, encoding)
      if (this.#isPaused) this.#count()
      return isMoreWanted
    }
  }

  /** Answers a request once those before it have been. */
  enter(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    this.#latest = request
    this.#begun++
    response.on("close", this.#answered)
    const begin = (): void => {
      this.#response = response
      answer(request, response)
    }
    if (this.#begun === 1) return begin()
    this.#shared.pipelines.add(this)
    this.#waiting.push(begin)
  }

  get isStreaming(): boolean {
    return this.#response?.writableEnded === false
  }

  readonly #answered = (): void => {
    // Not kept until the next turn: what survives two young collections waits for a full one.
    this.#response = undefined
    if (--this.#begun === 0 && this.#latest?.complete === true) this.#latest = undefined
    this.#count()
    if (this.socket.destroyed || (this.#waiting.length === 0 && !this.#isPaused)) return
    // Answers that wait for nothing would otherwise follow one another without a turn for other connections.
    this.#isYielding = true
    this.#shared.goOnInTurn(this)
  }

  goOn(): void {
    this.#isYielding = false
    if (this.socket.destroyed) return
    const next = this.#waiting.shift()
    // Nothing is answered behind the last answer of a connection: what is left is read and discarded.
    if (next !== undefined && this.socket.writable) return next()
    this.#isPaused = false
    if (this.#isReadAsked) {
      this.#isReadAsked = false
      this.socket._read(0)
    }
    this.socket.resume()
  }

  #read(bytes: Buffer, parse: (piece: Buffer) => void): void {
    let rest = bytes
    while (rest.length > 0 && this.socket.writable) {
      if (this.#isFull()) return this.#hold(rest)
      const end = rest.indexOf(headEnd)
      const length = end === -1 ? rest.length : end + headEnd.length
      const before = this.#latest
      const isBody = before?.complete === false
      parse(length === rest.length ? rest : rest.subarray(0, length))
      this.#headBytes = isBody || this.#latest !== before ? 0 : this.#headBytes + length
      rest = rest.subarray(length)
    }
    this.#count()
  }

  /** A body is read to its end, though nobody uses it: its request would otherwise not be complete in time. */
  #isFull(): boolean {
    if (this.#isYielding || this.#begun === 0) return this.#isYielding
    return this.#latest?.complete === true || this.#begun >= this.#bounds.maxPipelined
  }

  #hold(rest: Buffer): void {
    this.#isPaused = true
    this.#shared.pipelines.add(this)
    this.socket.pause()
    this.socket.unshift(rest)
    this.#count()
  }

  /** Counts what is held: what was read ahead, an unfinished head, and of a body what nobody has taken. */
  #count(): void {
    // What it holds is given up with its end.
    if (this.socket.destroyed) return
    const before = this.#heldBytes
    this.#setHeld(
      this.#headBytes +
        (this.#isPaused ? this.socket.readableLength : 0) +
        (this.#latest?.readableLength ?? 0)
    )
    if (this.#heldBytes > before && this.#shared.heldBytes > this.#bounds.maxHeldBytes) this.socket.destroy()
  }

  #setHeld(bytes: number): void {
    this.#shared.heldBytes += bytes - this.#heldBytes
    this.#heldBytes = bytes
  }
}

/** The requests of a server's connections, one after another. */
export interface Pipelining {
  /** Gives each request its turn. */
  readonly inTurn: (answer: Answer) => Answer
  /** The open connections that have pipelined requests. */
  readonly pipelines: ReadonlySet<Pipeline>
}

/**
 * Answers the requests of each connection to a server one after another. The next request is parsed when the one before it
 * has been answered. A request behind a body may be parsed earlier, since a piece may hold the end of the one and the head
 * of the other: at most `maxPipelined` are begun.
 *
 * @param event the event that announces a connection, emitted once Node's HTTP parser listens to it
 */
export const attach = (
  server: Server,
  event: "connection" | "secureConnection",
  own: Partial<Bounds> = {}
): Pipelining => {
  const bounds = { ...limits, ...own }
  const shared = new Shared()
  // Not a WeakMap: the collector goes through those by itself.
  const connections = new Map<Duplex, Connection>()
  server.on(event, (socket: Duplex) => {
    connections.set(socket, new Connection(socket, bounds, shared))
    socket.once("close", () => connections.delete(socket))
  })
  return {
    pipelines: shared.pipelines,
    inTurn: (answer) => (request, response) => {
      const connection = connections.get(request.socket)
      // A test may emit a request of a socket that no event announced.
      if (connection === undefined) return answer(request, response)
      connection.enter(request, response, answer)
    }
  }
}
