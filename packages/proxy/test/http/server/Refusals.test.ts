import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { Effect, Metric } from "effect"
import type { Server } from "node:http"
import type { Socket } from "node:net"
import { makePlainServer } from "../../../src/http/server/NodeServer.ts"
import * as Pipelining from "../../../src/http/server/Pipelining.ts"
import * as Refusals from "../../../src/http/server/Refusals.ts"
import * as Metrics from "../../../src/metrics/Metrics.ts"
import { closed } from "./BareServer.ts"

const net = process.getBuiltinModule("node:net")

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

/** Connections that the server closes without a response. `reason` is the expected label of the metric. */
const rows: ReadonlyArray<{
  readonly what: string
  readonly reason: Metrics.RefusedConnectionReason
  readonly make: () => Server
  readonly send: (socket: Socket) => void
}> = [
  {
    what: "a connection beyond the maximum number",
    reason: "too_many_connections",
    make: () => makePlainServer({ maxConnections: 0 }),
    send: () => {}
  },
  {
    what: "a connection that exceeds the maximum of buffered bytes",
    reason: "buffered_bytes",
    make: () => {
      const server = makePlainServer()
      Pipelining.attach(server, "connection", { maxBufferedBytes: 1000 })
      return server
    },
    send: (socket) => socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(2000)}`)
  },
  {
    what: "a connection that sends garbage while an answer is in progress",
    reason: "unreadable",
    make: () => makePlainServer().on("request", (_request, response) => response.write("the beginning")),
    send: (socket) => {
      socket.once("data", () => socket.write("this is no request\r\n\r\n"))
      socket.write(request)
    }
  },
  {
    what: "a connection that requests a tunnel while an answer is in progress",
    reason: "unreadable",
    make: () => makePlainServer().on("request", (_request, response) => response.write("the beginning")),
    send: (socket) => {
      socket.once("data", () => socket.write("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"))
      socket.write(request)
    }
  }
]

describe("a connection that is closed without a response is counted and logged", () => {
  for (const { make, reason, send, what } of rows) {
    it.effect(what, () => {
      const log = captureLog()
      return Effect.gen(function* () {
        const counter = Metrics.refusedConnections({ reason })
        const before = (yield* Metric.value(counter)).count
        const server = make()
        yield* Refusals.watch(server, () => assert.fail("it was answered"))
        yield* Effect.acquireRelease(
          Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
          () =>
            Effect.sync(() => {
              server.close()
              server.closeAllConnections()
            })
        )
        const address = server.address()
        const socket = net.connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1")
        socket.on("error", () => {})
        send(socket)
        yield* closed(socket)
        assert.strictEqual((yield* Metric.value(counter)).count - before, 1)
        const fields = JSON.stringify({ reason, clientAddress: "127.0.0.1" })
        assert.deepStrictEqual(log.matching("connection closed without a response", fields).length, 1)
        assert.strictEqual(log.lines.length, 1)
      }).pipe(Effect.provide(log.layer))
    })
  }
})
