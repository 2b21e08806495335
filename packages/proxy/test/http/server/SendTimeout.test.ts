import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Metric } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import type { Socket } from "node:net"
import * as Metrics from "../../../src/metrics/Metrics.ts"
import { type SendQueueLookup, ReadSendQueues } from "../../../src/http/server/SendQueues.ts"
import * as SendTimeout from "../../../src/http/server/SendTimeout.ts"
import { closed, type Kind, kinds, start as startBare } from "./BareServer.ts"

/** Starts a Node server with `SendTimeout`. `queueOf` replaces the lookup of the kernel's send queues. */
const start = Effect.fnUntraced(function* (kind: Kind, queueOf: SendQueueLookup = () => 1000) {
  let watched: ReturnType<typeof SendTimeout.watch> = Effect.void
  const server = yield* startBare(kind, (server, event) => {
    watched = SendTimeout.watch(server, event)
    return (answer) => void server.on("request", (request, response) => answer({ request, response }))
  })
  yield* Effect.provideService(
    watched,
    ReadSendQueues,
    Effect.succeed((ends) => queueOf(ends))
  )
  return server
})

/** A response body that exceeds the kernel's buffers on loopback. */
const large = Buffer.alloc(32 * 1024 * 1024)

const ask = (client: Socket): void => {
  client.write("GET / HTTP/1.1\r\nHost:x\r\n\r\n")
}

for (const kind of kinds) {
  describe(`a ${kind[0]} connection whose client takes nothing`, () => {
    it.effect("is closed after 60 seconds, logged and counted", () => {
      const said: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ message }) => void said.push(message))
      return Effect.gen(function* () {
        const before = (yield* Metric.value(Metrics.stalledConnections)).count
        const { connect, sockets, turn } = yield* start(kind)
        const client = yield* connect
        ask(client)
        const { response } = yield* turn
        response.end(large)
        // The timeout counts from the first check, which is one second after the start. So it ends at 61 seconds.
        yield* TestClock.adjust("60 seconds")
        assert.isFalse(sockets[0]?.destroyed)
        yield* TestClock.adjust("1 second")
        assert.isTrue(sockets[0]?.destroyed)
        yield* closed(client)
        assert.strictEqual((yield* Metric.value(Metrics.stalledConnections)).count, before + 1)
        assert.deepStrictEqual(said, [
          ["closed connection: client stopped reading", { clientAddress: "127.0.0.1", seconds: 60 }]
        ])
      }).pipe(Effect.provide(Logger.layer([logger])))
    })

    it.effect("is closed if only the end of the connection is not acknowledged", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind)
        ask(yield* connect)
        const { response } = yield* turn
        response.shouldKeepAlive = false
        response.end(large)
        yield* TestClock.adjust("61 seconds")
        assert.isTrue(sockets[0]?.destroyed)
      })
    )

    it.effect("stays open while the kernel's send queue shrinks, and 60 seconds longer", () =>
      Effect.gen(function* () {
        let queued = 1_000_000
        const { connect, sockets, turn } = yield* start(kind, () => queued)
        ask(yield* connect)
        const { response } = yield* turn
        response.end(large)
        for (let minute = 0; minute < 20; minute++) {
          yield* TestClock.adjust("55 seconds")
          queued--
        }
        yield* TestClock.adjust("60 seconds")
        assert.isFalse(sockets[0]?.destroyed)
        yield* TestClock.adjust("5 seconds")
        assert.isTrue(sockets[0]?.destroyed)
      })
    )

    it.effect("stays open if the client reads each write", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind)
        const client = yield* connect
        ask(client)
        const { response } = yield* turn
        const write = Effect.callback<void>((resume) => {
          response.write(large.subarray(0, 100_000), () => resume(Effect.void))
        })
        response.write(large)
        client.resume()
        for (let n = 0; n < 5; n++) {
          yield* TestClock.adjust("55 seconds")
          yield* write
        }
        yield* TestClock.adjust("10 minutes")
        assert.isFalse(sockets[0]?.destroyed, "nothing was to be taken meanwhile")
      })
    )

    it.effect("stays open if the client waits for the server", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind)
        const client = yield* connect
        yield* TestClock.adjust("10 minutes")
        ask(client)
        const { response } = yield* turn
        yield* TestClock.adjust("10 minutes")
        response.write("a")
        yield* TestClock.adjust("10 minutes")
        assert.isFalse(sockets[0]?.destroyed)
      })
    )
  })
}
