import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"

/** The way to a host that lets as many bytes a second through as it is told, over all connections; gone with the scope. */
export const make = (target: string, bytesPerSecond: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
        const [host = "", port = ""] = target.split(":")
        const sockets = new Set<Socket>()
        // When what was let through so far is through.
        let until = 0
        const server = createServer((client) => {
          const upstream = connect(Number(port), host)
          for (const socket of [client, upstream]) {
            sockets.add(socket)
            socket.on("error", () => {})
            socket.on("close", () => {
              sockets.delete(socket)
              client.destroy()
              upstream.destroy()
            })
          }
          client.pipe(upstream)
          upstream.on("data", (chunk: Buffer) => {
            const now = performance.now()
            until = Math.max(now, until) + (1000 * chunk.length) / bytesPerSecond
            upstream.pause()
            setTimeout(() => client.write(chunk, () => upstream.resume()), until - now)
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const close = () => {
            server.close()
            for (const socket of sockets) socket.destroy()
          }
          const port = typeof address === "object" && address !== null ? address.port : 0
          resume(Effect.succeed({ port, close }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ port }) => `127.0.0.1:${port}`
  )
