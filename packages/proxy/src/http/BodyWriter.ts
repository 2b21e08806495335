import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import type { BodyError } from "@registry-packages-proxy/digest-cache/BodyError"
import type { PackageReader } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Effect, Schema, type Scope } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Writable } from "node:stream"
import type { BufferPool } from "./BufferPool.ts"

/** The client went away, or its connection broke, before the body was out. */
export class ClientGone extends Schema.TaggedError<ClientGone>()("ClientGone", {}) {}

/** Starts a write and answers the effect that waits until its buffer may be used again. */
const startWrite = (out: Writable, bytes: Uint8Array): Effect.Effect<void, ClientGone> => {
  let outcome: Effect.Effect<void, ClientGone> | undefined = undefined
  let waiting: ((outcome: Effect.Effect<void, ClientGone>) => void) | undefined = undefined
  out.write(bytes, (error) => {
    outcome = error === null || error === undefined ? Effect.void : Effect.fail(new ClientGone({}))
    waiting?.(outcome)
  })
  return Effect.callback((resume) => {
    if (outcome !== undefined) return resume(outcome)
    waiting = resume
  })
}

const finished = (out: Writable): Effect.Effect<void, ClientGone> =>
  Effect.callback((resume) => {
    const done = () => resume(out.writableFinished ? Effect.void : Effect.fail(new ClientGone({})))
    out.once("close", done)
    out.end(done)
    return Effect.sync(() => {
      out.off("close", done)
    })
  })

/**
 * Writes a response whose body is read as it goes: one read ahead of the write that is out, at the client's pace. This
 * is the one place that touches Node's response; Effect's server finds it ended and leaves it alone.
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
    const out = NodeHttpServerRequest.toServerResponse(options.request) as Writable & {
      readonly writeHead: (status: number, headers: Readonly<Record<string, string>>) => void
      readonly flushHeaders: () => void
    }
    const loan = yield* options.pool.acquire
    yield* Effect.gen(function* () {
      out.writeHead(response.status, response.headers)
      out.flushHeaders()
      let writing: Effect.Effect<void, ClientGone> = Effect.void
      let turn: 0 | 1 = 0
      while (true) {
        const buffer = loan.buffers[turn]
        const count = yield* reader.read(buffer)
        yield* writing
        if (count === 0) break
        writing = startWrite(out, buffer.subarray(0, count))
        written(count)
        turn = turn === 0 ? 1 : 0
      }
      yield* finished(out)
      loan.reusable()
    }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (exit._tag === "Failure") out.destroy()
        })
      )
    )
  })
