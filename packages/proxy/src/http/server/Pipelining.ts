import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type HttpLimits, httpLimits } from "../request/HttpLimits.ts"
import * as Refusals from "./Refusals.ts"

/** Answers one request through Node's response. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

/** The bytes with which a request's head ends (RFC 9112, section 2.1). */
const headEnd = Buffer.from("\r\n\r\n")

type PipeliningLimits = Pick<HttpLimits, "maxPipelined" | "maxBufferedBytes">

/** A connection on which a request arrived before the previous one was answered. */
export interface Pipeline {
  readonly socket: Duplex
  /**
   * True while the program writes a response. After the last write, bytes of the response may still be in the socket's
   * buffer.
   */
  readonly isResponding: boolean
}

/**
 * Maximum number of connections that start their next request in one turn of the event loop. Node accepts one new
 * connection per turn. With a larger maximum, clients that pipeline requests would delay new connections.
 */
const maxResumedPerTurn = 2

/** The state that the connections of one listener share. */
class ListenerState {
  /** The number of request bytes that all connections of the listener buffer. `maxBufferedBytes` limits this number. */
  bufferedBytes = 0
  readonly pipelines = new Set<Pipeline>()
  /** Called with a connection that is closed because too many bytes are buffered. */
  readonly reportOverflow: (socket: Duplex) => void
  /** Connections that are ready for their next request, in the order in which they became ready. */
  readonly #ready = new Set<Connection>()

  constructor(reportOverflow: (socket: Duplex) => void) {
    this.reportOverflow = reportOverflow
  }

  /** Resumes a connection in a later turn of the event loop, after all connections that were ready before it. */
  scheduleResume(connection: Connection): void {
    this.#ready.add(connection)
    if (this.#ready.size === 1) setImmediate(this.#run)
  }

  readonly #run = (): void => {
    let count = 0
    for (const connection of this.#ready) {
      if (count++ === maxResumedPerTurn) return void setImmediate(this.#run)
      this.#ready.delete(connection)
      connection.resume()
    }
  }
}

/**
 * The requests of one connection. One read may contain hundreds of requests. Node would parse all of them at once. This
 * class passes one request head at a time to Node's parser. If the next request must wait, the class puts the remaining
 * bytes back into the socket's buffer and pauses the socket.
 */
class Connection implements Pipeline {
  readonly socket: Duplex
  readonly #limits: PipeliningLimits
  readonly #listener: ListenerState
  readonly #waiting: Array<() => void> = []
  /** The number of parsed requests that are not answered yet. The first of them is in progress, the others wait. */
  #unanswered = 0
  /**
   * The last parsed request. Cleared when all parsed requests are answered, unless the body of this request is still
   * arriving.
   */
  #latest: IncomingMessage | undefined
  /** The response in progress. Undefined if there is none. */
  #response: ServerResponse | undefined
  /** True while unparsed requests are in the socket's buffer and the socket is not read. */
  #isPaused = false
  /** The number of bytes that Node's parser has received of an incomplete head. */
  #headBytes = 0
  /** The number of bytes that this connection buffers. The listener's `bufferedBytes` includes them. */
  #bufferedBytes = 0
  #isReadPending = false
  #isYielding = false

  constructor(socket: Duplex, limits: PipeliningLimits, listener: ListenerState) {
    this.socket = socket
    this.#limits = limits
    this.#listener = listener
    const parsers = socket.listeners("data") as ReadonlyArray<(bytes: Buffer) => void>
    // Node's own listeners stop and start reads from the socket's handle. Node removes these listeners when a data
    // listener is added, so they are added again.
    const pausers = socket.listeners("pause") as ReadonlyArray<() => void>
    const resumers = socket.listeners("resume") as ReadonlyArray<() => void>
    socket.removeAllListeners("data")
    socket.on("data", (bytes: Buffer) => {
      this.#read(bytes, (piece) => parsers.forEach((parse) => parse(piece)))
    })
    for (const pause of pausers) socket.on("pause", pause)
    for (const resume of resumers) socket.on("resume", resume)
    socket.once("close", () => {
      this.#setBuffered(0)
      listener.pipelines.delete(this)
    })
    // Without this, a paused stream would continue to read up to its high-water mark.
    const read = socket._read.bind(socket)
    socket._read = (size) => {
      if (!this.#isPaused) return read(size)
      this.#isReadPending = true
    }
    // One read may contain several TLS records. The later records are pushed although the stream is paused.
    const push = socket.push.bind(socket)
    socket.push = (bytes: Buffer | null, encoding) => {
      const isMoreWanted = push(bytes, encoding)
      if (this.#isPaused) this.#updateBuffered()
      return isMoreWanted
    }
  }

  /** Handles a request when all previous requests of the connection are answered. */
  enqueue(request: IncomingMessage, response: ServerResponse, handle: RequestHandler): void {
    this.#latest = request
    this.#unanswered++
    response.on("close", this.#onAnswered)
    const start = (): void => {
      this.#response = response
      handle(request, response)
    }
    if (this.#unanswered === 1) return start()
    this.#listener.pipelines.add(this)
    this.#waiting.push(start)
  }

  get isResponding(): boolean {
    return this.#response?.writableEnded === false
  }

  readonly #onAnswered = (): void => {
    // Released immediately, since objects that survive two minor garbage collections wait for a major one.
    this.#response = undefined
    if (--this.#unanswered === 0 && this.#latest?.complete === true) this.#latest = undefined
    this.#updateBuffered()
    if (this.socket.destroyed || (this.#waiting.length === 0 && !this.#isPaused)) return
    // Yields to other connections, which would starve if this connection had many immediate responses.
    this.#isYielding = true
    this.#listener.scheduleResume(this)
  }

  resume(): void {
    this.#isYielding = false
    if (this.socket.destroyed) return
    const next = this.#waiting.shift()
    // After the last response of a connection, further requests are read and discarded.
    if (next !== undefined && this.socket.writable) return next()
    this.#isPaused = false
    if (this.#isReadPending) {
      this.#isReadPending = false
      this.socket._read(0)
    }
    this.socket.resume()
  }

  #read(bytes: Buffer, parse: (piece: Buffer) => void): void {
    let rest = bytes
    while (rest.length > 0 && this.socket.writable) {
      if (this.#isFull()) return this.#pause(rest)
      const end = rest.indexOf(headEnd)
      const length = end === -1 ? rest.length : end + headEnd.length
      const previous = this.#latest
      const isBody = previous?.complete === false
      parse(length === rest.length ? rest : rest.subarray(0, length))
      this.#headBytes = isBody || this.#latest !== previous ? 0 : this.#headBytes + length
      rest = rest.subarray(length)
    }
    this.#updateBuffered()
  }

  /**
   * True if the next bytes must wait before they are parsed. All bytes wait while `#isYielding` is true, or while
   * `maxPipelined` requests are unanswered. Otherwise, the bytes of a new request wait until all earlier requests are
   * answered. The remaining bytes of an incomplete request do not wait, because each request must arrive completely
   * before `requestTimeout`.
   */
  #isFull(): boolean {
    if (this.#isYielding || this.#unanswered === 0) return this.#isYielding
    return this.#latest?.complete === true || this.#unanswered >= this.#limits.maxPipelined
  }

  #pause(rest: Buffer): void {
    this.#isPaused = true
    this.#listener.pipelines.add(this)
    this.socket.pause()
    this.socket.unshift(rest)
    this.#updateBuffered()
  }

  /**
   * Updates the number of bytes that the connection buffers in unparsed requests, an incomplete head and an unread
   * body. If the number has increased and the listener exceeds `maxBufferedBytes`, closes the connection.
   */
  #updateBuffered(): void {
    // The close event releases the bytes of a destroyed socket.
    if (this.socket.destroyed) return
    const previous = this.#bufferedBytes
    this.#setBuffered(
      this.#headBytes +
        (this.#isPaused ? this.socket.readableLength : 0) +
        (this.#latest?.readableLength ?? 0)
    )
    const isOver = this.#listener.bufferedBytes > this.#limits.maxBufferedBytes
    if (!isOver || this.#bufferedBytes <= previous) return
    this.#listener.reportOverflow(this.socket)
    this.socket.destroy()
  }

  #setBuffered(bytes: number): void {
    this.#listener.bufferedBytes += bytes - this.#bufferedBytes
    this.#bufferedBytes = bytes
  }
}

/** The result of {@link attach}, for a server that handles the requests of each connection one after another. */
export interface Pipelining {
  /** Wraps a handler, so that it receives the requests of one connection one after another. */
  readonly inOrder: (handle: RequestHandler) => RequestHandler
  /** The open connections with pipelined requests. */
  readonly pipelines: ReadonlySet<Pipeline>
}

/**
 * Makes a server handle the requests of each connection one after another. Normally, a request is parsed after the
 * previous request is answered. But one chunk may contain the end of a request's body and the heads of further
 * requests. Then these requests are parsed early, and wait. At most `maxPipelined` requests of a connection are parsed
 * and not yet answered.
 *
 * @param event the event that announces a new connection. Node's HTTP parser must listen to the socket before `attach`
 *   handles this event.
 */
export const attach = (
  server: Server,
  event: "connection" | "secureConnection",
  testLimits: Partial<PipeliningLimits> = {}
): Pipelining => {
  const limits = { ...httpLimits, ...testLimits }
  const listener = new ListenerState((socket) =>
    Refusals.reportRefused(server, { reason: "buffered_bytes", address: socket as Socket })
  )
  // A WeakMap would make garbage collection slower.
  const connections = new Map<Duplex, Connection>()
  server.on(event, (socket: Duplex) => {
    connections.set(socket, new Connection(socket, limits, listener))
    socket.once("close", () => connections.delete(socket))
  })
  return {
    pipelines: listener.pipelines,
    inOrder: (handle) => (request, response) => {
      const connection = connections.get(request.socket)
      // A test may emit a request of a socket without a connection event.
      if (connection === undefined) return handle(request, response)
      connection.enqueue(request, response, handle)
    }
  }
}
