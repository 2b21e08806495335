import { assert, describe, it } from "@effect/vitest"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Effect, Logger, Metric } from "effect"
import type { Socket } from "node:net"
import * as PipelineTimeout from "../../../src/http/server/PipelineTimeout.ts"
import * as Pipelining from "../../../src/http/server/Pipelining.ts"
import * as Metrics from "../../../src/metrics/Metrics.ts"
import { closed, collect, type Kind, kinds, start as startBare } from "./BareServer.ts"

/** Starts a Node server with `Pipelining` and `PipelineTimeout`. */
const start = Effect.fnUntraced(function* (kind: Kind) {
  let watched: ReturnType<typeof PipelineTimeout.watch> = Effect.void
  const server = yield* startBare(kind, (server, event) => {
    const { inOrder, pipelines } = Pipelining.attach(server, event)
    watched = PipelineTimeout.watch(pipelines)
    return (answer) =>
      void server.on(
        "request",
        inOrder((request, response) => answer({ request, response }))
      )
  })
  yield* watched
  return server
})

const ask = (client: Socket, count: number): void => {
  client.write("GET / HTTP/1.1\r\nHost:x\r\n\r\n".repeat(count))
}

for (const kind of kinds) {
  describe(`a ${kind[0]} connection on which requests were pipelined`, () => {
    it.effect(
      "is closed 75 seconds after its last byte, even if responses were read since, and counted",
      () => {
        const said: Array<unknown> = []
        const logger = Logger.make<unknown, void>(({ message }) => void said.push(message))
        return Effect.gen(function* () {
          const before = (yield* Metric.value(Metrics.stalledConnections)).count
          const { connect, sockets, turn } = yield* start(kind)
          const client = yield* connect
          const { until } = collect(client)
          ask(client, 3)
          const first = yield* turn
          yield* TestClock.adjust("51 seconds")
          first.response.end("one")
          const second = yield* turn
          second.response.end("two")
          yield* until((text) => text.includes("two"))
          yield* TestClock.adjust("24 seconds")
          assert.isFalse(sockets[0]?.destroyed)
          // The timeout counts from the first check, which is one second after the start. So it ends at 76 seconds.
          const third = yield* turn
          third.response.end("three")
          yield* TestClock.adjust("1 second")
          assert.isTrue(sockets[0]?.destroyed)
          yield* closed(client)
          assert.strictEqual((yield* Metric.value(Metrics.stalledConnections)).count, before + 1)
          assert.deepStrictEqual(said, [
            [
              "closed connection: client pipelined requests and stalled",
              { clientAddress: "127.0.0.1", seconds: 75 }
            ]
          ])
        }).pipe(Effect.provide(Logger.layer([logger])))
      }
    )

    it.effect("stays open while a response is being written, and is closed after it", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind)
        const client = yield* connect
        ask(client, 2)
        const { response } = yield* turn
        response.write("a")
        yield* TestClock.adjust("10 minutes")
        assert.isFalse(sockets[0]?.destroyed)
        response.end("b")
        const second = yield* turn
        yield* TestClock.adjust("1 second")
        assert.isFalse(sockets[0]?.destroyed, "the second response is in progress")
        second.response.end("c")
        yield* TestClock.adjust("1 second")
        assert.isTrue(sockets[0]?.destroyed)
      })
    )

    it.effect("stays open for another 75 seconds with each byte", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind)
        const client = yield* connect
        const { until } = collect(client)
        ask(client, 2)
        for (const text of ["one", "two"]) (yield* turn).response.end(text)
        yield* until((text) => text.includes("two"))
        for (const text of ["three", "four"]) {
          yield* TestClock.adjust("70 seconds")
          ask(client, 1)
          const { response } = yield* turn
          response.end(text)
          yield* until((got) => got.includes(text))
        }
        yield* TestClock.adjust("75 seconds")
        assert.isFalse(sockets[0]?.destroyed)
        yield* TestClock.adjust("1 second")
        assert.isTrue(sockets[0]?.destroyed)
      })
    )
  })

  describe(`a ${kind[0]} connection with one request after another`, () => {
    it.effect("is not closed by this timeout", () =>
      Effect.gen(function* () {
        const { connect, sockets, turn } = yield* start(kind)
        const client = yield* connect
        const { until } = collect(client)
        for (const text of ["one", "two"]) {
          ask(client, 1)
          const { response } = yield* turn
          response.end(text)
          yield* until((got) => got.includes(text))
        }
        yield* TestClock.adjust("10 minutes")
        assert.isFalse(sockets[0]?.destroyed)
      })
    )
  })
}
