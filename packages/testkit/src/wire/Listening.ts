import { Effect } from "effect"
import type { Server } from "node:net"

/**
 * Starts `server` on a free port of `address`, or of all addresses if `address` is undefined. Returns the port. Dies if
 * the server cannot listen.
 */
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

/** Starts `server` on a free loopback port, and returns the port. The end of the scope runs `close`. */
export const listenScoped = (server: Server, close: () => void) =>
  Effect.acquireRelease(listen(server, "127.0.0.1"), () => Effect.sync(close))
