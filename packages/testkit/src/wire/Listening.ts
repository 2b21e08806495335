import { Effect } from "effect"
import type { Server } from "node:net"

/** Listens on a free port of `address` (undefined: of all addresses). Returns the port. */
export const listen = (server: Server, address: string | undefined): Effect.Effect<number> =>
  Effect.callback((resume) => {
    server.once("error", (cause) => resume(Effect.die(cause)))
    server.listen({ port: 0, host: address }, () => {
      const bound = server.address()
      resume(
        typeof bound === "object" && bound !== null
          ? Effect.succeed(bound.port)
          : Effect.die(new Error("the server has no port"))
      )
    })
  })

/** Listens on a free loopback port and returns the port. The end of the scope runs `close`. */
export const listenScoped = (server: Server, close: () => void) =>
  Effect.acquireRelease(listen(server, "127.0.0.1"), () => Effect.sync(close))
