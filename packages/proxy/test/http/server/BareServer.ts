import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Deferred, Effect, Queue } from "effect"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { serverOptions } from "../../../src/http/server/NodeServer.ts"
import { httpLimits } from "../../../src/http/request/HttpLimits.ts"

const http = process.getBuiltinModule("node:http")
const https = process.getBuiltinModule("node:https")
const net = process.getBuiltinModule("node:net")
const tls = process.getBuiltinModule("node:tls")

/**
 * The two types of Node server, HTTP (`plain`) and HTTPS (`secure`). Each has the name of the event with which the
 * server reports a new connection. For HTTPS, the event follows the TLS handshake.
 */
export const kinds = [
  ["plain", "connection"],
  ["secure", "secureConnection"]
] as const

export type Kind = (typeof kinds)[number]

/** A request that the test itself answers, with the response to write. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * Starts a Node server on a free port. `setUp` attaches the code under test to the server. The test itself opens
 * connections and answers requests.
 */
export const start = Effect.fnUntraced(function* (
  [kind, event]: Kind,
  setUp: (server: Server, event: Kind[1]) => (answer: (exchange: Exchange) => void) => void
) {
  const authority = yield* Certificates.makeAuthority
  const serving = yield* authority.issue()
  const server =
    kind === "plain"
      ? http.createServer(serverOptions(httpLimits))
      : https.createServer({ ...serverOptions(httpLimits), cert: serving.chain, key: serving.key })
  const sockets: Array<Socket> = []
  server.on(event, (socket: Socket) => {
    sockets.push(socket)
    socket.on("error", () => {})
  })
  server.on("clientError", (_error, socket) => socket.destroy())
  /** The requests that `turn` has not returned yet, oldest first. */
  const turns = yield* Queue.unbounded<Exchange>()
  setUp(server, event)((exchange) => void Queue.offerUnsafe(turns, exchange))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const connect = Effect.callback<Socket>((resume) => {
    const socket: Socket =
      kind === "plain"
        ? net.connect({ port, host: "127.0.0.1" }, () => resume(Effect.succeed(socket)))
        : tls.connect({ port, host: "127.0.0.1", ca: authority.cert, servername: "localhost" }, () =>
            resume(Effect.succeed(socket))
          )
    socket.on("error", () => {})
  })
  return {
    /** Opens a client connection. It is closed at the end of the test. */
    connect: Effect.acquireRelease(connect, (socket) => Effect.sync(() => socket.destroy())),
    /** The server's sockets, one for each connection so far, oldest first. */
    sockets,
    /** Waits for the next request, and returns it. The test must answer the request. */
    turn: Queue.take(turns),
    /** The number of requests that `turn` can return without waiting. */
    waiting: Effect.sync(() => Queue.sizeUnsafe(turns))
  }
})

/** Reads and discards data until the connection is closed or reset. */
export const closed = (socket: Socket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    socket.resume()
    socket.once("close", () => resume(Effect.void))
  })

/** Collects the text that arrives on a connection after this call. */
export const collect = (socket: Duplex) => {
  let text = ""
  let waiting: (() => void) | undefined
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1")
    waiting?.()
  })
  return {
    text: () => text,
    /** Waits until `isWhole` accepts the received text, and returns the text. */
    until: (isWhole: (text: string) => boolean): Effect.Effect<string> =>
      Effect.gen(function* () {
        while (!isWhole(text)) {
          const more = yield* Deferred.make<void>()
          waiting = () => Deferred.doneUnsafe(more, Effect.void)
          if (!isWhole(text)) yield* Deferred.await(more)
        }
        return text
      })
  }
}
