import { Clock, Effect, Metric, type Scope } from "effect"
import type { Server } from "node:http"
import type { Socket } from "node:net"
import * as Metrics from "../../metrics/Metrics.ts"
import { clientAddress } from "../request/ClientAddress.ts"
import { type Limits, limits } from "../request/Limits.ts"
import { SendQueues } from "./SendQueues.ts"

/** How often, in milliseconds, connections are looked at, and the kernel is asked about one that does not move. */
const interval = 1000
const kernelInterval = 5000

/** A connection that is being written to, or closed, as it was when the client last took something. */
interface Sending {
  since: number
  /** Bytes that left the process. */
  readonly sent: number
  /** Bytes that have left it and that the client has not taken; undefined where not known. */
  queued: number | undefined
  /** When the kernel was asked for those. */
  askedAt: number
}

/** Bytes, or the end of the connection, wait for the client. */
const isSending = (socket: Socket): boolean => socket.writableLength > 0 || socket.writableEnded

/** Bytes that left the process. Those of one write leave it at once, as far as this tells. */
const sentBy = (socket: Socket): number => socket.bytesWritten - socket.writableLength

/** The kernel knows the connection: a test's may not leave the process. */
const isKernels = ([socket]: readonly [Socket, Sending]): boolean => socket.remotePort !== undefined

/**
 * Closes connections to a server whose clients take nothing of what is sent to them for `limits.sendTimeout`: bytes of a
 * response, whatever wrote it, or the end of the connection.
 *
 * Large buffers hide the bytes that a slow client takes: a write of 1 MiB leaves the process in pieces, and a full kernel
 * buffer takes the next piece when a third of it is free. So the kernel is asked about connections that do not move.
 *
 * @param event the event that announces a connection
 */
export const watch = (
  server: Server,
  event: "connection" | "secureConnection",
  own: Partial<Pick<Limits, "sendTimeout">> = {}
): Effect.Effect<void, never, Scope.Scope> => {
  const { sendTimeout } = { ...limits, ...own }
  const connections = new Map<Socket, Sending | undefined>()
  server.on(event, (socket: Socket) => {
    connections.set(socket, undefined)
    socket.once("close", () => connections.delete(socket))
  })

  /** Connections that have not moved since they were last looked at, as far as the process can tell. */
  const stuck = (now: number): ReadonlyArray<readonly [Socket, Sending]> => {
    const found: Array<readonly [Socket, Sending]> = []
    for (const [socket, before] of connections) {
      const sent = sentBy(socket)
      if (!isSending(socket)) connections.set(socket, undefined)
      else if (before?.sent === sent) found.push([socket, before])
      else connections.set(socket, { since: now, sent, queued: undefined, askedAt: Number.NEGATIVE_INFINITY })
    }
    return found
  }

  const check = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const due = stuck(now).filter(
      ([, { askedAt, since }]) => now - askedAt >= kernelInterval || now - since >= sendTimeout
    )
    if (due.length === 0) return
    const queueOf = due.some(isKernels) ? yield* yield* SendQueues : () => undefined
    for (const [socket, sending] of due) {
      const queued = queueOf(socket)
      if (sending.queued !== undefined && queued !== sending.queued) sending.since = now
      sending.queued = queued
      sending.askedAt = now
      if (now - sending.since < sendTimeout) continue
      // It may have gone on while the kernel was asked.
      if (!isSending(socket) || sentBy(socket) !== sending.sent) continue
      const closed = { clientAddress: clientAddress(socket), seconds: (now - sending.since) / 1000 }
      socket.destroy()
      yield* Metric.update(Metrics.stalledConnections, 1)
      yield* Effect.logInfo("connection closed, its client took nothing for too long", closed)
    }
  })

  return check.pipe(Effect.delay(interval), Effect.forever, Effect.forkScoped, Effect.asVoid)
}
