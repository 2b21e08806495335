import type { BodyError } from "@registry-packages-proxy/digest-cache/BodyError"
import type { PackageReader } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Effect, Fiber, Schema, type Scope } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ServerResponse } from "node:http"
import type { BufferPool } from "./BufferPool.ts"
import * as NodeMessages from "../request/NodeMessages.ts"

/** The client left, or its connection broke or was closed, before the body was out. */
export class ClientGone extends Schema.TaggedError<ClientGone>()("ClientGone", {}) {}

/** A write that is out: `ended` waits until its buffer may be used again. */
interface Write {
  readonly ended: Effect.Effect<void, ClientGone>
  readonly isOut: () => boolean
}

const startWrite = (out: ServerResponse, bytes: Uint8Array, done: () => void): Write => {
  let outcome: Effect.Effect<void, ClientGone> | undefined = undefined
  let waiting: ((outcome: Effect.Effect<void, ClientGone>) => void) | undefined = undefined
  out.write(bytes, (error) => {
    const written = error === null || error === undefined
    if (written) done()
    outcome = written ? Effect.void : Effect.fail(new ClientGone({}))
    waiting?.(outcome)
  })
  return {
    isOut: () => outcome === undefined,
    ended: Effect.suspend(
      () =>
        outcome ??
        Effect.callback((resume) => {
          if (outcome !== undefined) return resume(outcome)
          waiting = resume
        })
    )
  }
}

const finished = (out: ServerResponse): Effect.Effect<void, ClientGone> =>
  Effect.callback((resume) => {
    const done = () => resume(out.writableFinished ? Effect.void : Effect.fail(new ClientGone({})))
    if (out.destroyed) return done()
    out.once("close", done)
    out.end(done)
    return Effect.sync(() => {
      out.off("close", done)
    })
  })

/**
 * A read that is begun before the write of what came before it, so that the two go on at once. `begun` is told of it
 * whatever comes.
 */
const readAhead = <E>(
  reader: PackageReader<E>,
  into: Uint8Array,
  begun: (reading: Fiber.Fiber<number, E | BodyError>) => void
): Effect.Effect<Fiber.Fiber<number, E | BodyError>> =>
  Effect.forkChild(reader.read(into), { startImmediately: true }).pipe(
    Effect.tap((reading) => Effect.sync(() => begun(reading))),
    Effect.uninterruptible
  )

/**
 * Writes a response whose body is read as it goes: reads ahead of the writes that are out, at the client's pace. This is
 * the one place that touches Node's response; Effect's server finds it ended and leaves it alone.
 *
 * Where the body fails, or the request is interrupted, the connection is destroyed, so that what was sent is never taken
 * for the whole. `written` is told of every byte handed to the connection.
 */
export const writeBody = <E>(options: {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly response: HttpServerResponse.HttpServerResponse
  readonly reader: PackageReader<E>
  readonly pool: BufferPool
  readonly written: (bytes: number) => void
}): Effect.Effect<void, E | BodyError | ClientGone, Scope.Scope> =>
  Effect.gen(function* () {
    const { reader, response, written } = options
    const out = NodeMessages.outgoing(options.request)
    const loan = yield* options.pool.acquire
    let reading: Fiber.Fiber<number, E | BodyError> | undefined

    yield* Effect.gen(function* () {
      out.writeHead(response.status, response.headers)
      out.flushHeaders()
      const writes: Array<Write> = []

      let left = Number(response.headers["content-length"])
      let buffer = loan.take()
      let count = yield* reader.read(buffer)
      while (count > 0) {
        const [bytes, present] = [buffer.subarray(0, count), buffer]
        const write = () => {
          left -= bytes.length
          const isLast = left === 0
          const done = () => {
            loan.giveBack(present)
            // At once: a client that has all of it may close the connection, and has not left before the end then.
            if (isLast) out.end()
          }
          writes.push(startWrite(out, bytes, done))
          written(bytes.length)
        }
        // What is out: the writes, what is about to be written, and what is read meanwhile.
        const { depth } = loan
        while (writes.length > 0 && (writes.length + 2 > depth() || writes[0]?.isOut() === false)) {
          const first = writes.shift()
          if (first !== undefined) yield* first.isOut() ? loan.wait(first.ended) : first.ended
        }
        if (depth() > 2) {
          buffer = loan.take()
          const ahead = yield* readAhead(reader, buffer, (fiber) => {
            reading = fiber
          })
          write()
          count = yield* Fiber.join(ahead)
          reading = undefined
        } else {
          // One of many: the others have the processors meanwhile, and a fiber for each read is the dearer.
          write()
          buffer = loan.take()
          count = yield* reader.read(buffer)
        }
      }
      for (const write of writes) yield* write.ended
      yield* finished(out)
      loan.giveBack(buffer)
    }).pipe(
      Effect.onExit((exit) =>
        Effect.suspend(() => {
          if (exit._tag === "Failure") out.destroy()
          // Nothing it reads from is released while it reads.
          return reading === undefined ? Effect.void : Fiber.interrupt(reading)
        })
      )
    )
  })
