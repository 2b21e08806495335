import { Effect, FiberSet } from "effect"
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { ServerCertificate } from "../machine/Certificates.ts"
import { listen } from "../wire/Listening.ts"

// Importing these as ES modules evaluates every lazy export of node:http and loads all of undici.
const http = process.getBuiltinModule("node:http")
const https = process.getBuiltinModule("node:https")

/** The loopback hosts a test registry can listen on. */
export type Loopback = "127.0.0.1" | "localhost" | "[::1]"

/** Handles a request; `connection` numbers the connections from 1. */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  connection: number
) => Effect.Effect<void>

/** A server whose address is known before its handler is set, because handlers need the address. */
export interface RegistryServer {
  /** `host:port`. */
  readonly host: string
  /** `scheme://host:port`. */
  readonly origin: string
  /** Starts to serve; runs `connected` for each new connection and the effect it gives when that one closes. */
  readonly serve: (handler: Handler, connected: () => Effect.Effect<Effect.Effect<void>>) => void
}

const close = (server: Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

/**
 * Listens on a free loopback port. The scope's end closes every connection and interrupts every handler.
 *
 * `localhost` listens on every address, so that it is reachable however the name resolves.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly host: Loopback
  readonly tls: ServerCertificate | undefined
}) {
  const { host, tls } = options
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => {
      // No timeouts: what is slow is slow because a test wants it.
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
