import { Effect } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { IssuedCertificate } from "../machine/Certificates.ts"
import { basicAuthorization, type BasicCredentials } from "./BasicCredentials.ts"
import { listenScoped } from "./Listening.ts"

const http = process.getBuiltinModule("node:http")
const https = process.getBuiltinModule("node:https")

/** The proxy's response to each CONNECT request. */
export type ConnectResponse =
  /** Opens the tunnel. `head` replaces the usual response. One character of `head` is one byte. */
  | { readonly _tag: "Open"; readonly head?: string }
  /** Sends `head` as the response, and closes the connection. Opens no tunnel. */
  | { readonly _tag: "Refuse"; readonly head: string }
  | { readonly _tag: "Close" }
  | { readonly _tag: "Silence" }

export interface ForwardProxyOptions {
  /**
   * The proxy connects to this `host:port` for every request and tunnel. The proxy ignores the host that a client
   * requests.
   */
  readonly target: string
  /** The only credentials that the proxy accepts. Default: no credentials are required. */
  readonly credentials?: BasicCredentials
  /** Default: `Open`. */
  readonly connectResponse?: ConnectResponse
  /** If set, clients connect to the proxy over TLS, and the proxy presents this certificate. Default: plain HTTP. */
  readonly tls?: IssuedCertificate
}

/** A request that the proxy received. */
export interface ProxiedRequest {
  readonly method: string
  /** The target in the request line: `host:port` for a CONNECT, otherwise an absolute URL. */
  readonly target: string
  readonly headers: IncomingMessage["headers"]
  readonly isAuthorized: boolean
}

export interface ForwardProxy {
  /** `host:port`. */
  readonly host: string
  readonly requests: ReadonlyArray<ProxiedRequest>
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n"

/**
 * Starts a forward proxy on loopback, for tests with host names that are not in DNS. The end of the scope stops the
 * proxy.
 */
export const make = Effect.fnUntraced(function* (options: ForwardProxyOptions) {
  const { credentials, target, tls, connectResponse = { _tag: "Open" } } = options
  const colon = target.lastIndexOf(":")
  const to = { host: target.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(target.slice(colon + 1)) }
  const requests: Array<ProxiedRequest> = []
  const sockets = new Set<Duplex>()
  const track = <A extends Duplex>(socket: A): A => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.once("close", () => sockets.delete(socket))
    return socket
  }
  const wanted = credentials === undefined ? undefined : basicAuthorization(credentials)

  const note = ({ headers, method = "", url = "" }: IncomingMessage): boolean => {
    const isAuthorized = wanted === undefined || headers["proxy-authorization"] === wanted
    requests.push({ method, target: url, headers, isAuthorized })
    return isAuthorized
  }

  const forward = (message: IncomingMessage, response: ServerResponse): void => {
    if (!note(message)) return void response.writeHead(407, { "content-length": 0 }).end()
    const { "proxy-authorization": _, ...headers } = message.headers
    const path = /^http:\/\/[^/]*(\/.*)$/s.exec(message.url ?? "")?.[1] ?? "/"
    const passed = http.request(
      { ...to, path, method: message.method, headers, agent: false },
      (received) => {
        response.writeHead(received.statusCode ?? 502, received.headers)
        received.pipe(response)
      }
    )
    passed.on("error", () => response.destroy())
    message.pipe(passed)
  }

  const tunnel = (message: IncomingMessage, socket: Duplex, rest: Buffer): void => {
    track(socket)
    if (!note(message)) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    if (connectResponse._tag === "Silence") return
    if (connectResponse._tag === "Close") return void socket.destroy()
    if (connectResponse._tag === "Refuse") return void socket.end(connectResponse.head, "latin1")
    const server: Socket = track(connect(to.port, to.host))
    server.once("connect", () => {
      socket.write(connectResponse.head ?? established, "latin1")
      server.write(rest)
      server.pipe(socket)
      socket.pipe(server)
    })
    server.once("close", () => socket.destroy())
    socket.once("close", () => server.destroy())
  }

  const server = (
    tls === undefined
      ? http.createServer(forward)
      : https.createServer({ key: tls.key, cert: tls.chain }, forward)
  ).on("connect", tunnel)
  const port = yield* listenScoped(server, () => {
    server.close()
    server.closeAllConnections()
    for (const socket of sockets) socket.destroy()
  })
  const result: ForwardProxy = { host: `127.0.0.1:${port}`, requests }
  return result
})
