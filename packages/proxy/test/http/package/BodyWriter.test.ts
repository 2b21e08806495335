import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import type { PackageReader } from "@registry-packages-proxy/digest-cache/OpenPackage"
import { Deferred, Effect, Fiber } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer, type Server } from "node:http"
import { connect } from "node:net"
import { writeBody } from "../../../src/http/package/BodyWriter.ts"
import { BufferPool } from "../../../src/http/package/BufferPool.ts"

const listen = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

it.effect(
  "an interrupted write ends only after the read in progress",
  Effect.fn(function* () {
    const asked = yield* Deferred.make<HttpServerRequest.HttpServerRequest>()
    const over = yield* Deferred.make<void>()
    const handler = yield* NodeHttpServer.makeHandler(
      Effect.gen(function* () {
        yield* Deferred.succeed(asked, yield* HttpServerRequest.HttpServerRequest)
        yield* Deferred.await(over)
        return HttpServerResponse.empty()
      }),
      { scope: yield* Effect.scope }
    )
    const port = yield* listen(createServer(handler))
    const client = connect(port, "127.0.0.1").on("error", () => {})
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")

    const reading = yield* Deferred.make<void>()
    const go = yield* Deferred.make<void>()
    let reads = 0
    const reader: PackageReader<never> = {
      read: () =>
        Effect.gen(function* () {
          if (reads++ === 0) return 1000
          yield* Deferred.succeed(reading, undefined)
          yield* Deferred.await(go)
          return 1000
        }).pipe(Effect.uninterruptible)
    }
    let released = false
    const request = yield* Deferred.await(asked)
    const response = HttpServerResponse.empty({ status: 200, headers: { "content-length": "9999999" } })
    const writing = yield* Effect.acquireRelease(Effect.void, () =>
      Effect.sync(() => {
        released = true
      })
    ).pipe(
      Effect.andThen(writeBody({ request, response, reader, pool: new BufferPool(), onWritten: () => {} })),
      Effect.scoped,
      Effect.forkChild
    )
    yield* Deferred.await(reading)
    const interrupting = yield* Effect.forkChild(Fiber.interrupt(writing), { startImmediately: true })
    // After two turns of the event loop, the interruption has had all its effects.
    yield* Effect.callback<void>((resume) => void setImmediate(() => setImmediate(() => resume(Effect.void))))

    assert.isFalse(released, "what the read uses is still there")
    yield* Deferred.succeed(go, undefined)
    yield* Fiber.join(interrupting)
    assert.isTrue(released)
    assert.strictEqual(reads, 2)
    client.destroy()
    yield* Deferred.succeed(over, undefined)
  })
)
