import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"

/**
 * Starts a TCP forwarder to `target` (`host:port`) and returns the forwarder's `host:port`. All connections together
 * receive at most `bytesPerSecond` from `target`. The end of the scope stops the forwarder.
 */
export const make = (target: string, bytesPerSecond: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
        const [host = "", port = ""] = target.split(":")
        const sockets = new Set<Socket>()
        // The time, in milliseconds, at which all bytes received so far will have been forwarded.
        let passedAt = 0
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
            passedAt = Math.max(now, passedAt) + (1000 * chunk.length) / bytesPerSecond
            upstream.pause()
            setTimeout(() => client.write(chunk, () => upstream.resume()), passedAt - now)
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
