import { Effect, FiberSet } from "effect"
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { IssuedCertificate } from "../machine/Certificates.ts"
import { listen } from "../wire/Listening.ts"

// An ES import of node:http evaluates all its lazy exports, which loads all of undici.
const http = process.getBuiltinModule("node:http")
const https = process.getBuiltinModule("node:https")

/** The hosts that a test registry can listen on. */
export type LoopbackHost = "127.0.0.1" | "localhost" | "[::1]"

/** Handles a request that arrived on the connection with this number. Connection numbers start at 1. */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  connectionNumber: number
) => Effect.Effect<void>

/** A server whose address is known before its handler is set, because handlers need the address. */
export interface RegistryServer {
  /** `host:port`. */
  readonly host: string
  /** `scheme://host:port`. */
  readonly origin: string
  /**
   * Passes each request to `handler`. Runs `connected` when a connection opens. When this connection closes, runs the
   * effect that `connected` returned.
   */
  readonly serve: (handler: RequestHandler, connected: () => Effect.Effect<Effect.Effect<void>>) => void
}

const close = (server: Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

/**
 * Listens on a free port of `host`. The end of the scope closes every connection and interrupts every handler.
 *
 * For `localhost`, the server listens on all addresses, because the name can resolve to IPv4 or to IPv6.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly host: LoopbackHost
  readonly tls: IssuedCertificate | undefined
}) {
  const { host, tls } = options
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => {
      // Long timeouts or none: in a test, a slow connection is slow on purpose.
      const limits = { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 600_000 }
      return tls === undefined
        ? http.createServer(limits)
        : https.createServer({ ...limits, key: tls.key, cert: tls.chain })
    }),
    close
  )
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const port = yield* listen(server, host === "[::1]" ? "::1" : host === "localhost" ? undefined : host)

  const serve: RegistryServer["serve"] = (handler, connected) => {
    let accepted = 0
    const numbers = new WeakMap<object, number>()
    server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
      numbers.set(socket, ++accepted)
      const gone = Effect.callback<void>((resume) => {
        socket.once("close", () => resume(Effect.void))
      })
      run(Effect.flatMap(connected(), (disconnected) => Effect.andThen(gone, disconnected)))
    })
    const onRequest: RequestListener = (request, response) => {
      run(
        Effect.onError(handler(request, response, numbers.get(request.socket) ?? 0), () =>
          Effect.sync(() => response.destroy())
        )
      )
    }
    server.on("request", onRequest)
  }
  const address = `${host}:${port}`
  const result: RegistryServer = {
    host: address,
    origin: `${tls === undefined ? "http" : "https"}://${address}`,
    serve
  }
  return result
})
