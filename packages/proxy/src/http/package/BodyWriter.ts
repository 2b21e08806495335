import type { BodyError } from "@registry-packages-proxy/digest-cache/BodyError"
import type { PackageReader } from "@registry-packages-proxy/digest-cache/OpenPackage"
import { Effect, Fiber, Schema, type Scope } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ServerResponse } from "node:http"
import type { BufferPool } from "./BufferPool.ts"
import * as NodeMessages from "../request/NodeMessages.ts"

/** The client disconnected, or its connection failed, before the body was sent. */
export class ClientGone extends Schema.TaggedError<ClientGone>()("ClientGone", {}) {
  override get message(): string {
    return "the client disconnected before the body was sent"
  }
}

/** A started write to the client. */
interface Write {
  /** Waits until the write is done. Its buffer may then be reused. Fails if the client is gone. */
  readonly done: Effect.Effect<void, ClientGone>
  readonly isPending: () => boolean
}

const startWrite = (out: ServerResponse, bytes: Uint8Array, onWritten: () => void): Write => {
  let outcome: Effect.Effect<void, ClientGone> | undefined = undefined
  let waiting: ((outcome: Effect.Effect<void, ClientGone>) => void) | undefined = undefined
  out.write(bytes, (error) => {
    const written = error === null || error === undefined
    if (written) onWritten()
    outcome = written ? Effect.void : Effect.fail(new ClientGone({}))
    waiting?.(outcome)
  })
  return {
    isPending: () => outcome === undefined,
    done: Effect.suspend(
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
 * Starts a read in a fiber and returns the fiber, so that the caller can write meanwhile. Calls `onStarted` with the
 * fiber even if the caller is interrupted.
 */
const readAhead = <E>(
  reader: PackageReader<E>,
  into: Uint8Array,
  onStarted: (reading: Fiber.Fiber<number, E | BodyError>) => void
): Effect.Effect<Fiber.Fiber<number, E | BodyError>> =>
  Effect.forkChild(reader.read(into), { startImmediately: true }).pipe(
    Effect.tap((reading) => Effect.sync(() => onStarted(reading))),
    Effect.uninterruptible
  )

/**
 * Sends a response with a body from `reader`. Reads ahead while writes are in progress, but no faster than the client
 * accepts bytes. Writes to Node's response and ends it, so Effect's server then sends nothing.
 *
 * If the body fails or the request is interrupted, destroys the connection. Otherwise the client could treat a partial
 * body as complete. Calls `onWritten` with the number of bytes of each write.
 */
export const writeBody = <E>(options: {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly response: HttpServerResponse.HttpServerResponse
  readonly reader: PackageReader<E>
  readonly pool: BufferPool
  readonly onWritten: (bytes: number) => void
}): Effect.Effect<void, E | BodyError | ClientGone, Scope.Scope> =>
  Effect.gen(function* () {
    const { onWritten, reader, response } = options
    const out = NodeMessages.nodeResponse(options.request)
    const buffers = yield* options.pool.acquire
    let reading: Fiber.Fiber<number, E | BodyError> | undefined

    yield* Effect.gen(function* () {
      out.writeHead(response.status, response.headers)
      out.flushHeaders()
      const writes: Array<Write> = []

      let remaining = Number(response.headers["content-length"])
      let buffer = buffers.take()
      let count = yield* reader.read(buffer)
      while (count > 0) {
        const [bytes, current] = [buffer.subarray(0, count), buffer]
        const write = () => {
          remaining -= bytes.length
          const isLast = remaining === 0
          const release = () => {
            buffers.release(current)
            // Ends the response immediately. A client that has the whole body may disconnect, and the response must not
            // count as aborted then.
            if (isLast) out.end()
          }
          writes.push(startWrite(out, bytes, release))
          onWritten(bytes.length)
        }
        // Buffers in use: the writes in progress, the next write, and the read-ahead.
        const { maxInUse } = buffers
        while (writes.length > 0 && (writes.length + 2 > maxInUse() || writes[0]?.isPending() === false)) {
          const first = writes.shift()
          if (first !== undefined) yield* first.isPending() ? buffers.awaitClient(first.done) : first.done
        }
        if (maxInUse() > 2) {
          buffer = buffers.take()
          const ahead = yield* readAhead(reader, buffer, (fiber) => {
            reading = fiber
          })
          write()
          count = yield* Fiber.join(ahead)
          reading = undefined
        } else {
          // With many bodies in progress, read-ahead costs a fiber per read and gains nothing.
          write()
          buffer = buffers.take()
          count = yield* reader.read(buffer)
        }
      }
      for (const write of writes) yield* write.done
      yield* finished(out)
      buffers.release(buffer)
    }).pipe(
      Effect.onExit((exit) =>
        Effect.suspend(() => {
          if (exit._tag === "Failure") out.destroy()
          // Stop the read-ahead before its file is closed.
          return reading === undefined ? Effect.void : Fiber.interrupt(reading)
        })
      )
    )
  })
