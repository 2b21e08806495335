import { Effect, FiberSet, type Scope } from "effect"
import type { Server } from "node:http"
import * as Metrics from "../../metrics/Metrics.ts"
import { clientAddress, type PeerAddress } from "../request/ClientAddress.ts"
import type { UnreadRequest } from "../request/UnreadRequest.ts"

/** A connection that a server closed without a response. `address` is the address of its client. */
export interface RefusedConnection {
  readonly reason: Metrics.RefusedConnectionReason
  readonly address: PeerAddress
}

// Events that only this program emits, on Node's servers. They are events, since a server may exist before `watch` is
// called.
const unread = "registry-packages-proxy:unread"
const refused = "registry-packages-proxy:refused"

/**
 * Reports a request that the server answers, but does not pass to the application. {@link watch} then calls `record`
 * with the request.
 */
export const reportUnread = (server: Server, request: UnreadRequest): void =>
  void server.emit(unread, request)

/** Reports a connection that the server closes without a response, so that `watch` counts and logs it. */
export const reportRefused = (server: Server, connection: RefusedConnection): void =>
  void server.emit(refused, connection)

/**
 * Counts and logs the connections that a server closes without a response. Calls `record` with each request that the
 * server answers, but does not pass to the application.
 */
export const watch = Effect.fnUntraced(function* (
  server: Server,
  record: (request: UnreadRequest) => void
): Effect.fn.Return<void, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const run = yield* FiberSet.makeRuntime<never>()
  server.on(unread, record)
  server.on(refused, ({ address, reason }: RefusedConnection) => {
    Metrics.refusedConnections({ reason }).updateUnsafe(1, context)
    run(
      Effect.logWarning("connection closed without a response", {
        reason,
        clientAddress: clientAddress(address)
      })
    )
  })
})
