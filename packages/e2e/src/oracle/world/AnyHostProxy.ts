import { Effect } from "effect"
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"

export interface AnyHostProxyOptions {
  /** The server that every request and tunnel leads to, whatever host it names: `host:port`. */
  readonly target: string
  /** The only credentials that it takes; anybody may use it without. */
  readonly login?: { readonly username: string; readonly password: string }
}

/** A forward proxy on loopback for names that no DNS knows. */
export const make = Effect.fnUntraced(function* ({ login, target }: AnyHostProxyOptions) {
  const [host = "", port = ""] = target.split(":")
  const sockets = new Set<Duplex>()
  const kept = <A extends Duplex>(socket: A): A => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.once("close", () => sockets.delete(socket))
    return socket
  }
  const wanted =
    login === undefined
      ? undefined
      : `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`
  const isLetIn = (message: IncomingMessage): boolean =>
    wanted === undefined || message.headers["proxy-authorization"] === wanted

  const forward = (message: IncomingMessage, response: ServerResponse): void => {
    if (!isLetIn(message)) return void response.writeHead(407).end()
    const { pathname, search } = new URL(message.url ?? "/", "http://proxied.invalid")
    const onward = httpRequest(
      { host, port, path: `${pathname}${search}`, method: message.method, headers: message.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      }
    )
    onward.on("error", () => response.destroy())
    message.pipe(onward)
  }

  const tunnel = (message: IncomingMessage, socket: Duplex, head: Buffer): void => {
    kept(socket)
    if (!isLetIn(message)) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    const onward: Socket = kept(connect(Number(port), host))
    onward.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
      onward.write(head)
      onward.pipe(socket)
      socket.pipe(onward)
    })
  }

  const server = createServer(forward).on("connect", tunnel)
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
        for (const socket of sockets) socket.destroy()
      })
  )
  const address = server.address()
  return { at: `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}` }
})
