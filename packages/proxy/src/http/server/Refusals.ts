import { Effect, FiberSet, type Scope } from "effect"
import type { Server } from "node:http"
import * as Metrics from "../../metrics/Metrics.ts"
import { clientAddress, type PeerAddress } from "../request/ClientAddress.ts"
import type { UnreadRequest } from "../request/UnreadRequest.ts"

/** A connection that was closed without an answer. */
export interface Closed {
  readonly reason: Metrics.RefusedConnectionReason
  readonly address: PeerAddress
}

// Events of the program's own on Node's servers, since a server may be made before anything listens to it.
const unread = "registry-packages-proxy:unread"
const closed = "registry-packages-proxy:closed"

/** Tells whoever watches the server of a request that was refused. */
export const reportUnread = (server: Server, request: UnreadRequest): void =>
  void server.emit(unread, request)

/** Reports a closed connection to `watch`. */
export const reportClosed = (server: Server, connection: Closed): void => void server.emit(closed, connection)

/** Counts and logs the connections that a server closes, and passes its unread requests to `record`. */
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
