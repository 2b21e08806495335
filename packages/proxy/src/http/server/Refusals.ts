import { Effect, FiberSet, type Scope } from "effect"
import type { Server } from "node:http"
import * as Metrics from "../../metrics/Metrics.ts"
import { clientAddress, type PeerAddress } from "../request/ClientAddress.ts"
import type { UnreadRequest } from "../request/UnreadRequest.ts"

/** A connection that was closed without a response. */
export interface Closed {
  readonly reason: Metrics.RefusedConnectionReason
  readonly address: PeerAddress
}

// Events that only this program emits, on Node's servers: a server may exist before `watch` is called.
const unread = "registry-packages-proxy:unread"
const closed = "registry-packages-proxy:closed"

/** Reports an unread request to `watch`. */
export const reportUnread = (server: Server, request: UnreadRequest): void =>
  void server.emit(unread, request)

/** Reports a closed connection to `watch`. */
export const reportClosed = (server: Server, connection: Closed): void => void server.emit(closed, connection)

/**
 * Counts and logs the connections that a server closes without a response. Passes the server's unread requests to
 * `record`.
 */
export const watch = Effect.fnUntraced(function* (
  server: Server,
  record: (request: UnreadRequest) => void
): Effect.fn.Return<void, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const run = yield* FiberSet.makeRuntime<never>()
  server.on(unread, record)
  server.on(closed, ({ address, reason }: Closed) => {
    Metrics.refusedConnections({ reason }).updateUnsafe(1, context)
    run(
      Effect.logWarning("connection closed without an answer", {
        reason,
        clientAddress: clientAddress(address)
      })
    )
  })
})
