import type { MemorySocket } from "@registry-packages-proxy/testkit/machine/MemorySocket"
import { Clock, Effect, type Latch } from "effect"
import type { ClientRequest } from "./Step.ts"

/** The part of a response that a client has received so far. `outcome` is set last. */
export class ReceivedResponse {
  head = ""
  status = 0
  headers: ReadonlyMap<string, string> = new Map()
  readonly body: Array<Buffer> = []
  bodyLength = 0
  /** Number of bytes received, including the response head. */
  received = 0
  /** The client's longest wait for a latch (see {@link Waits}), in milliseconds of virtual time. */
  stalled = 0
  /** A description of the last violation of HTTP in the response. Undefined if there is none. */
  malformed: string | undefined
  /**
   * The way in which the response ended. `broken` means aborted by the server, `left` means aborted by the client.
   * Undefined while the response is in progress.
   */
  outcome: "complete" | "broken" | "left" | undefined

  /**
   * Returns the expected size of the body in bytes. Undefined before the head has arrived. Without a valid
   * Content-Length, sets `malformed` and returns Infinity.
   */
  expected(method: string): number | undefined {
    if (this.status === 0) return undefined
    if (method === "HEAD" || this.status === 304) return 0
    const length = this.headers.get("content-length")
    if (length !== undefined && /^\d+$/.test(length)) return Number(length)
    this.malformed = "there is no Content-Length"
    return Number.POSITIVE_INFINITY
  }

  take(chunk: Buffer): void {
    this.received += chunk.length
    if (this.status !== 0) {
      this.body.push(chunk)
      this.bodyLength += chunk.length
      return
    }
    this.head += chunk.toString("latin1")
    const end = this.head.indexOf("\r\n\r\n")
    if (end === -1) return
    const rest = Buffer.from(this.head.slice(end + 4), "latin1")
    this.head = this.head.slice(0, end)
    const [line = "", ...fields] = this.head.split("\r\n")
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]
    if (status === undefined) this.malformed = `a status line ${line}`
    this.status = Number(status ?? 999)
    const headers = new Map<string, string>()
    for (const field of fields) {
      const name = field.slice(0, field.indexOf(":")).toLowerCase()
      if (headers.has(name)) this.malformed = `${name} twice`
      headers.set(name, field.slice(field.indexOf(":") + 1).trim())
    }
    this.headers = headers
    if (rest.length > 0) {
      this.body.push(rest)
      this.bodyLength += rest.length
    }
  }
}

/** Waits for bytes, and returns at most `most` bytes. Undefined if the connection has ended. */
const next = (socket: MemorySocket, most: number): Effect.Effect<Buffer | undefined> =>
  Effect.callback((resume) => {
    const look = () => {
      const chunk = socket.read(Math.min(most, socket.readableLength) || undefined) as Buffer | null
      if (chunk !== null) return done(chunk)
      if (socket.readableEnded || socket.destroyed) done(undefined)
    }
    const over = () => done(undefined)
    const forget = () => {
      socket.off("readable", look)
      socket.off("end", over)
      socket.off("close", over)
    }
    const done = (chunk: Buffer | undefined) => {
      forget()
      resume(Effect.succeed(chunk))
    }
    socket.on("readable", look)
    socket.once("end", over)
    socket.once("close", over)
    look()
    return Effect.sync(forget)
  })

/** Latches for clients that stop reading. */
export interface Waits {
  /** Opened to let stalled clients resume reading. */
  readonly resume: Latch.Latch
  /**
   * Opened at the end of the schedule. A client that never resumes reading waits for this latch, and then sets its
   * `outcome`.
   */
  readonly over: Latch.Latch
}

interface SentRequest {
  readonly socket: MemorySocket
  readonly request: string
  readonly ask: ClientRequest
  readonly waits: Waits
  readonly response: ReceivedResponse
}

const leave = ({ response, socket }: SentRequest, how: "close" | "reset"): void => {
  response.outcome ??= "left"
  if (how === "reset") socket.resetAndDestroy()
  else socket.destroy()
}

/** Waits for the latch without reading. Records the duration in `stalled` if it is the longest so far. */
const stall = (response: ReceivedResponse, until: Latch.Latch): Effect.Effect<void> =>
  Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis
    yield* until.await
    response.stalled = Math.max(response.stalled, (yield* Clock.currentTimeMillis) - since)
  })

const take = Effect.fnUntraced(function* (asking: SentRequest) {
  const { response, socket, waits } = asking
  const { method, reading } = asking.ask
  let dripped = 0
  while (response.outcome === undefined) {
    if (reading._tag === "Leave" && response.received >= reading.at) return leave(asking, reading.how)
    if (reading._tag === "Stall" && response.received >= reading.at) yield* stall(response, waits.resume)
    if (reading._tag === "Forget" && response.received >= reading.at) {
      yield* stall(response, waits.over)
      if (!socket.isPeerClosed) return leave(asking, "reset")
      response.outcome = "broken"
      return
    }
    if (reading._tag === "Drip" && response.received - dripped >= reading.bytes) {
      dripped = response.received
      yield* Effect.sleep("1 second")
    }
    const most = "at" in reading && reading.at > response.received ? reading.at - response.received : Infinity
    const chunk = yield* next(socket, most)
    if (chunk === undefined) {
      // The outcome is already set if this client has disconnected itself.
      response.outcome ??= "broken"
      return
    }
    response.take(chunk)
    const expected = response.expected(method)
    if (expected !== undefined && response.bodyLength > expected)
      response.malformed = "more than Content-Length"
    if (expected !== undefined && response.bodyLength >= expected) response.outcome = "complete"
  }
})

/** Yields `turns` times, then disconnects. */
const abandon = (asking: SentRequest, turns: number, how: "close" | "reset"): Effect.Effect<void> =>
  turns > 0
    ? Effect.andThen(Effect.yieldNow, abandon(asking, turns - 1, how))
    : Effect.sync(() => leave(asking, how))

/**
 * Sends `asking.request`, and reads the response as `asking.ask.reading` says. Ends when `asking.response.outcome` is
 * set.
 */
export const ask = (asking: SentRequest): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { request, socket } = asking
    const { reading } = asking.ask
    socket.on("error", () => {})
    socket.write(request)
    const taken = take(asking)
    return reading._tag === "Abandon"
      ? Effect.raceFirst(taken, abandon(asking, reading.turns, reading.how))
      : taken
  }).pipe(Effect.ensuring(Effect.sync(() => void asking.socket.destroy())))
