import { Effect } from "effect"
import { createServer } from "node:net"

/** Returns a free loopback port, for programs that cannot choose a free port themselves. */
export const free: Effect.Effect<number> = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})
