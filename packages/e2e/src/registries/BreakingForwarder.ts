import { Effect } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"

/**
 * Starts a TCP forwarder to `target` (`host:port`) on a loopback port. The forwarder aborts one connection: the first
 * that receives more than `after` bytes from `target`. The end of the scope stops the forwarder.
 */
export const make = Effect.fnUntraced(function* (target: string, after: number) {
  const [host = "", port = ""] = target.split(":")
  const sockets = new Set<Socket>()
  let broken = false
  const kept = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.once("close", () => sockets.delete(socket))
    return socket
  }
  const server = createServer((client) => {
    const upstream = kept(connect(Number(port), host))
    kept(client)
    let sent = 0
    upstream.on("data", (chunk: Buffer) => {
      sent += chunk.length
      if (!broken && sent > after) {
        broken = true
        upstream.destroy()
        client.destroy()
      } else if (!client.write(chunk)) {
        upstream.pause()
        client.once("drain", () => upstream.resume())
      }
    })
    upstream.once("end", () => client.end())
    client.pipe(upstream)
    client.once("close", () => upstream.destroy())
    upstream.once("close", () => client.destroy())
  })
  yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  const address = server.address()
  return {
    host: `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    /** True if the forwarder has aborted a connection. */
    hasAborted: (): boolean => broken
  }
})
