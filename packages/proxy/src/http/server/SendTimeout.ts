import { Clock, Duration, Effect, Metric, type Scope } from "effect"
import type { Server } from "node:http"
import type { Socket } from "node:net"
import * as Metrics from "../../metrics/Metrics.ts"
import { clientAddress } from "../request/ClientAddress.ts"
import { type HttpLimits, httpLimits } from "../request/HttpLimits.ts"
import { ReadSendQueues } from "./SendQueues.ts"

const checkInterval = Duration.seconds(1)

/** The interval in milliseconds at which the kernel's send queue of a stuck connection is read. */
const kernelIntervalMillis = Duration.toMillis("5 seconds")

/** The state of a connection with a write or close in progress. Times are in milliseconds since the epoch. */
interface Sending {
  /**
   * The time of the last check that found progress. Progress means that Node has passed bytes to the kernel, or that
   * the size of the kernel's send queue has changed. If no check has found progress, the time of the first check.
   */
  since: number
  /** The number of the connection's bytes that Node has passed to the kernel. */
  readonly sent: number
  /** The number of the connection's bytes in the kernel's send queue. Undefined if unknown. */
  queued: number | undefined
  /** The time of the last measurement of `queued`. */
  queuedAt: number
}

/** True while bytes wait to be sent, or while the socket waits to close after `socket.end()`. */
const isSending = (socket: Socket): boolean => socket.writableLength > 0 || socket.writableEnded

/**
 * Returns the number of bytes passed to the kernel. Node counts the bytes of a write only when all of them are passed.
 */
const sentBy = (socket: Socket): number => socket.bytesWritten - socket.writableLength

/** True for a TCP connection. False for an in-memory connection of a test. */
const isInKernel = ([socket]: readonly [Socket, Sending]): boolean => socket.remotePort !== undefined

/**
 * Watches the connections of `server` until the scope closes. If a connection has bytes to send, or has begun to close,
 * and makes no progress for `sendTimeout`, the connection is destroyed. Counts and logs each destroyed connection.
 *
 * A full kernel buffer accepts no bytes from Node until a third of the buffer is free. A slow client could therefore
 * seem to make no progress. So if Node passes no bytes to the kernel, the size of the kernel's send queue is read too.
 *
 * @param event the event that announces a new connection
 */
export const watch = (
  server: Server,
  event: "connection" | "secureConnection",
  testLimits: Partial<Pick<HttpLimits, "sendTimeout">> = {}
): Effect.Effect<void, never, Scope.Scope> => {
  const sendTimeoutMillis = Duration.toMillis({ ...httpLimits, ...testLimits }.sendTimeout)
  const connections = new Map<Socket, Sending | undefined>()
  server.on(event, (socket: Socket) => {
    connections.set(socket, undefined)
    socket.once("close", () => connections.delete(socket))
  })

  /**
   * Returns the connections that wait to send bytes or to close, and have passed no byte to the kernel since the
   * previous check.
   */
  const stuck = (now: number): ReadonlyArray<readonly [Socket, Sending]> => {
    const found: Array<readonly [Socket, Sending]> = []
    for (const [socket, previous] of connections) {
      const sent = sentBy(socket)
      if (!isSending(socket)) connections.set(socket, undefined)
      else if (previous?.sent === sent) found.push([socket, previous])
      else
        connections.set(socket, { since: now, sent, queued: undefined, queuedAt: Number.NEGATIVE_INFINITY })
    }
    return found
  }

  const check = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const due = stuck(now).filter(
      ([, { queuedAt, since }]) => now - queuedAt >= kernelIntervalMillis || now - since >= sendTimeoutMillis
    )
    if (due.length === 0) return
    const queueOf = due.some(isInKernel) ? yield* yield* ReadSendQueues : () => undefined
    for (const [socket, sending] of due) {
      const queued = queueOf(socket)
      if (sending.queued !== undefined && queued !== sending.queued) sending.since = now
      sending.queued = queued
      sending.queuedAt = now
      if (now - sending.since < sendTimeoutMillis) continue
      // The connection may have made progress while the queues were read.
      if (!isSending(socket) || sentBy(socket) !== sending.sent) continue
      const closed = { clientAddress: clientAddress(socket), seconds: (now - sending.since) / 1000 }
      socket.destroy()
      yield* Metric.update(Metrics.stalledConnections, 1)
      yield* Effect.logInfo("closed connection: client stopped reading", closed)
    }
  })

  return check.pipe(Effect.delay(checkInterval), Effect.forever, Effect.forkScoped, Effect.asVoid)
}
