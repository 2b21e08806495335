import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import type { PackageReader } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Deferred, Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer, type Server } from "node:http"
import { connect } from "node:net"
import { writeBody } from "../../src/http/BodyWriter.ts"
import { BufferPool } from "../../src/http/BufferPool.ts"

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
  "ends, when its client has left, only once the read that is under way has",
  Effect.fn(function* () {
    const reading = yield* Deferred.make<void>()
    const left = yield* Deferred.make<void>()
    const go = yield* Deferred.make<void>()
    const ended = yield* Deferred.make<boolean>()
    let reads = 0
    let released = false
    const reader: PackageReader<never> = {
      read: () =>
        Effect.gen(function* () {
          if (reads++ === 0) return 1000
          yield* Deferred.succeed(reading, undefined)
          yield* Deferred.await(go)
          return 1000
        }).pipe(Effect.uninterruptible)
    }
    const answer = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const response = HttpServerResponse.empty({ status: 200, headers: { "content-length": "9999999" } })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          released = true
        })
      )
      yield* writeBody({ request, response, reader, pool: new BufferPool(), written: () => {} })
      return response
    }).pipe(
      Effect.scoped,
      Effect.onExit((exit) => Deferred.succeed(ended, exit._tag === "Failure"))
    )
    const handler = yield* NodeHttpServer.makeHandler(answer, { scope: yield* Effect.scope })
    const server = createServer((request, response) => {
      response.on("close", () => Deferred.doneUnsafe(left, Effect.void))
      handler(request, response)
    })
    const port = yield* listen(server)
    const client = connect(port, "127.0.0.1").on("error", () => {})
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    yield* Deferred.await(reading)
    client.destroy()
    yield* Deferred.await(left)
    // Whatever follows from that has happened.
    yield* Effect.callback<void>((resume) => void setImmediate(() => setImmediate(() => resume(Effect.void))))
    assert.isFalse(released, "what the read uses is still there")
    yield* Deferred.succeed(go, undefined)
    assert.isTrue(yield* Deferred.await(ended))
    assert.isTrue(released)
    assert.strictEqual(reads, 2)
  })
)
