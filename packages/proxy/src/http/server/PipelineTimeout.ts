import { Clock, Effect, Metric, type Scope } from "effect"
import type { Socket } from "node:net"
import * as Metrics from "../../metrics/Metrics.ts"
import { clientAddress } from "../request/ClientAddress.ts"
import { type Limits, limits } from "../request/Limits.ts"
import type { Pipeline } from "./Pipelining.ts"

/** How often connections are looked at, in milliseconds. */
const interval = 1000

/** What had come on a connection, in bytes, and since when. */
interface Received {
  readonly bytes: number
  readonly since: number
}

/**
 * Closes connections that have pipelined requests once nothing more has come on them for `limits.idleTimeout`, whatever of
 * their small answers is still to be taken: a client that reads none has its system take some of them now and then, which
 * looks like one that reads slowly. Where a package is being sent, `SendTimeout` alone decides.
 */
export const watch = (
  pipelines: ReadonlySet<Pipeline>,
  own: Partial<Pick<Limits, "idleTimeout">> = {}
): Effect.Effect<void, never, Scope.Scope> => {
  const { idleTimeout } = { ...limits, ...own }
  let received = new Map<Pipeline, Received>()

  const check = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const next = new Map<Pipeline, Received>()
    for (const pipeline of pipelines) {
      const socket = pipeline.socket as Socket
      const before = received.get(pipeline)
      if (before === undefined || before.bytes !== socket.bytesRead) {
        next.set(pipeline, { bytes: socket.bytesRead, since: now })
      } else if (now - before.since < idleTimeout || pipeline.isStreaming) {
        next.set(pipeline, before)
      } else {
        const closed = { clientAddress: clientAddress(socket), seconds: (now - before.since) / 1000 }
        socket.destroy()
        yield* Metric.update(Metrics.stalledConnections, 1)
        yield* Effect.logInfo("connection closed, its client sent requests ahead of their answers", closed)
      }
    }
    received = next
  })

  return check.pipe(Effect.delay(interval), Effect.forever, Effect.forkScoped, Effect.asVoid)
}
