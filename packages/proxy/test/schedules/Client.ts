import type { MemorySocket } from "@registry-packages-proxy/testkit/machine/MemorySocket"
import { Clock, Effect, type Latch } from "effect"
import type { Ask } from "./Step.ts"

/** What a client has of an answer. Filled as it comes; `outcome` last. */
export class Answer {
  head = ""
  status = 0
  headers: ReadonlyMap<string, string> = new Map()
  readonly body: Array<Buffer> = []
  bodyLength = 0
  /** Bytes off the connection, head included. */
  received = 0
  /** How long it took nothing in a row at most, in milliseconds of virtual time. */
  stalled = 0
  /** Why this is no answer HTTP allows. */
  malformed: string | undefined
  /** How it ended: with all its bytes, broken off by the other side, or because this client left. */
  outcome: "complete" | "broken" | "left" | undefined

  /** The bytes a body must have; undefined before the head is there. */
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

/** The next bytes, so many at most, or none when the connection is over. */
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

/** What clients that do not read wait for. */
export interface Waits {
  /** Those that stall go on. */
  readonly letGo: Latch.Latch
  /** Those that stopped for good are asked how it came out. */
  readonly over: Latch.Latch
}

interface Asking {
  readonly socket: MemorySocket
  readonly request: string
  readonly ask: Ask
  readonly waits: Waits
  readonly answer: Answer
}

const leave = ({ answer, socket }: Asking, how: "close" | "reset"): void => {
  answer.outcome ??= "left"
  if (how === "reset") socket.resetAndDestroy()
  else socket.destroy()
}

/** Waits without reading. */
const stall = (answer: Answer, until: Latch.Latch): Effect.Effect<void> =>
  Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis
    yield* until.await
    answer.stalled = Math.max(answer.stalled, (yield* Clock.currentTimeMillis) - since)
  })

const take = Effect.fnUntraced(function* (asking: Asking) {
  const { answer, socket, waits } = asking
  const { method, taking } = asking.ask
  let dripped = 0
  while (answer.outcome === undefined) {
    if (taking._tag === "Leave" && answer.received >= taking.at) return leave(asking, taking.how)
    if (taking._tag === "Stall" && answer.received >= taking.at) yield* stall(answer, waits.letGo)
    if (taking._tag === "Forget" && answer.received >= taking.at) {
      yield* stall(answer, waits.over)
      if (!socket.isAbandoned) return leave(asking, "reset")
      answer.outcome = "broken"
      return
    }
    if (taking._tag === "Drip" && answer.received - dripped >= taking.bytes) {
      dripped = answer.received
      yield* Effect.sleep("1 second")
    }
    const most = "at" in taking && taking.at > answer.received ? taking.at - answer.received : Infinity
    const chunk = yield* next(socket, most)
    if (chunk === undefined) {
      // Unless this client has left meanwhile.
      answer.outcome ??= "broken"
      return
    }
    answer.take(chunk)
    const expected = answer.expected(method)
    if (expected !== undefined && answer.bodyLength > expected) answer.malformed = "more than Content-Length"
    if (expected !== undefined && answer.bodyLength >= expected) answer.outcome = "complete"
  }
})

/** Leaves once so many turns of the event loop have passed. */
const abandon = (asking: Asking, turns: number, how: "close" | "reset"): Effect.Effect<void> =>
  turns > 0
    ? Effect.andThen(Effect.yieldNow, abandon(asking, turns - 1, how))
    : Effect.sync(() => leave(asking, how))

/** Sends a request and takes its answer as told. */
export const ask = (asking: Asking): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { request, socket } = asking
    const { taking } = asking.ask
    socket.on("error", () => {})
    socket.write(request)
    const taken = take(asking)
    return taking._tag === "Abandon"
      ? Effect.raceFirst(taken, abandon(asking, taking.turns, taking.how))
      : taken
  }).pipe(Effect.ensuring(Effect.sync(() => void asking.socket.destroy())))
