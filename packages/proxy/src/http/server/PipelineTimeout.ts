import { Clock, Duration, Effect, Metric, type Scope } from "effect"
import type { Socket } from "node:net"
import * as Metrics from "../../metrics/Metrics.ts"
import { clientAddress } from "../request/ClientAddress.ts"
import { type HttpLimits, httpLimits } from "../request/HttpLimits.ts"
import type { Pipeline } from "./Pipelining.ts"

const checkInterval = Duration.seconds(1)

/**
 * The number of bytes received on a connection. `since` is the time of the check that first found this number, in
 * milliseconds since the epoch.
 */
interface Received {
  readonly bytes: number
  readonly since: number
}

/**
 * Closes a connection with pipelined requests if the client has sent no byte for `idleTimeout` and no response is in
 * progress. A response that is completely in the socket's buffer is no longer in progress, even if the client has not
 * read it. Only bytes that the client sends restart the timeout. Bytes that it receives do not, because the kernel of a
 * client that reads nothing still accepts a few bytes now and then. Counts and logs each closed connection. Runs until
 * the scope closes.
 */
export const watch = (
  pipelines: ReadonlySet<Pipeline>,
  testLimits: Partial<Pick<HttpLimits, "idleTimeout">> = {}
): Effect.Effect<void, never, Scope.Scope> => {
  const idleTimeoutMillis = Duration.toMillis({ ...httpLimits, ...testLimits }.idleTimeout)
  let received = new Map<Pipeline, Received>()

  const check = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const next = new Map<Pipeline, Received>()
    for (const pipeline of pipelines) {
      const socket = pipeline.socket as Socket
      const previous = received.get(pipeline)
      if (previous === undefined || previous.bytes !== socket.bytesRead) {
        next.set(pipeline, { bytes: socket.bytesRead, since: now })
      } else if (now - previous.since < idleTimeoutMillis || pipeline.isResponding) {
        next.set(pipeline, previous)
      } else {
        const closed = { clientAddress: clientAddress(socket), seconds: (now - previous.since) / 1000 }
        socket.destroy()
        yield* Metric.update(Metrics.stalledConnections, 1)
        yield* Effect.logInfo("closed connection: client pipelined requests and stalled", closed)
      }
    }
    received = next
  })

  return check.pipe(Effect.delay(checkInterval), Effect.forever, Effect.forkScoped, Effect.asVoid)
}
