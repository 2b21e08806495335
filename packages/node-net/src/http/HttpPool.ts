import { Duration, Effect, type Scope } from "effect"
import type { Socket } from "node:net"
import { connectionClosed, type ConnectionFailure } from "../ConnectionFailure.ts"
import type { HttpResponse, HttpConnection, WireRequest } from "./HttpConnection.ts"

export interface HttpPoolOptions {
  /** Makes a connection to the server. Calls `onSocket` for each socket; the pool destroys them if connecting fails. */
  readonly connect: (onSocket: (socket: Socket) => void) => Effect.Effect<HttpConnection, ConnectionFailure>
  /** The most open connections; further requests wait for one. */
  readonly maxConnections: number
  /** The most idle connections that are kept. */
  readonly maxIdleConnections: number
  /** The time after which an idle connection is closed. */
  readonly idleTimeout: Duration.Input
}

export interface SendOptions {
  /** The request may be sent again (RFC 9110, section 9.2.2). */
  readonly isIdempotent: boolean
  readonly signal: AbortSignal
}

/** Sends requests to one server over a pool of connections. */
export interface HttpPool {
  /**
   * Sends a request and returns the head of its response. The signal cancels the body and closes its connection. A
   * stale connection, which was used before and is closed before the first byte of the response, does not fail an
   * idempotent request: it is sent again on another connection, as Go does.
   */
  readonly send: (
    request: WireRequest,
    options: SendOptions
  ) => Effect.Effect<HttpResponse, ConnectionFailure>
  /** Closes idle connections now, and the others after their response. */
  readonly retire: () => void
}

/** The resource that a waiting request gets: an idle connection, or undefined for the slot of a closed one. */
type Turn = HttpConnection | undefined

/** The failure of one attempt, and whether its connection was stale. */
interface AttemptFailure {
  readonly failure: ConnectionFailure
  readonly isStale: boolean
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

class Connections {
  readonly #options: HttpPoolOptions
  readonly #idleMillis: number
  readonly #all = new Set<HttpConnection>()
  /** Idle connections; the most recently used is the last. */
  readonly #idle: Array<HttpConnection> = []
  readonly #timers = new Map<HttpConnection, NodeJS.Timeout>()
  readonly #waiting = new Set<(turn: Turn) => void>()
  /** Open connections, and those that are being made. */
  #slots = 0
  #isRetired = false
  #isClosed = false

  constructor(options: HttpPoolOptions) {
    this.#options = options
    this.#idleMillis = Duration.toMillis(options.idleTimeout)
  }

  /** Takes a connection. Call it in an uninterruptible region, and use the connection at once. */
  acquire(restore: Restore): Effect.Effect<HttpConnection, ConnectionFailure> {
    return Effect.suspend(() => {
      if (this.#isClosed) return Effect.fail(connectionClosed)
      const idle = this.#takeIdle()
      if (idle !== undefined) return Effect.succeed(idle)
      if (this.#slots < this.#options.maxConnections) {
        this.#slots++
        return this.#connect(restore)
      }
      return Effect.flatMap(this.#waitForTurn(restore), (turn) =>
        turn === undefined ? this.#connect(restore) : Effect.succeed(turn)
      )
    })
  }

  #waitForTurn(restore: Restore): Effect.Effect<Turn> {
    let given: { readonly turn: Turn } | undefined
    const wait = Effect.callback<Turn>((resume) => {
      const give = (turn: Turn): void => {
        this.#waiting.delete(give)
        given = { turn }
        resume(Effect.succeed(turn))
      }
      this.#waiting.add(give)
      return Effect.sync(() => void this.#waiting.delete(give))
    })
    // An interrupted request may just have got its turn.
    const giveBack = Effect.sync(() => {
      if (given?.turn !== undefined) this.#keep(given.turn)
      else if (given !== undefined) this.#release()
    })
    return Effect.onInterrupt(restore(wait), () => giveBack)
  }

  /** Makes a connection in a slot that is already taken. */
  #connect(restore: Restore): Effect.Effect<HttpConnection, ConnectionFailure> {
    if (this.#isClosed) {
      this.#release()
      return Effect.fail(connectionClosed)
    }
    const sockets: Array<Socket> = []
    const giveUp = Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
      this.#release()
    })
    return restore(this.#options.connect((socket) => sockets.push(socket))).pipe(
      Effect.onError(() => giveUp),
      Effect.map((connection) => this.#adopt(connection))
    )
  }

  #adopt(connection: HttpConnection): HttpConnection {
    this.#all.add(connection)
    connection.owner = {
      onIdle: () => this.#keep(connection),
      onClosed: () => this.#forget(connection)
    }
    if (!connection.isOpen || this.#isClosed) {
      connection.close()
      // It may have been closed before it had an owner to notify.
      this.#forget(connection)
    }
    return connection
  }

  #keep(connection: HttpConnection): void {
    const [waiting] = this.#waiting
    if (waiting !== undefined) return waiting(connection)
    const { maxIdleConnections } = this.#options
    if (this.#isRetired || this.#idle.length >= maxIdleConnections) return connection.close()
    this.#idle.push(connection)
    this.#timers.set(
      connection,
      setTimeout(() => connection.close(), this.#idleMillis)
    )
  }

  #takeIdle(): HttpConnection | undefined {
    const connection = this.#idle.pop()
    if (connection === undefined) return undefined
    clearTimeout(this.#timers.get(connection))
    this.#timers.delete(connection)
    return connection.isOpen ? connection : this.#takeIdle()
  }

  #forget(connection: HttpConnection): void {
    if (!this.#all.delete(connection)) return
    clearTimeout(this.#timers.get(connection))
    this.#timers.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    this.#release()
  }

  /** Releases a slot; the request that has waited longest gets it. */
  #release(): void {
    const [waiting] = this.#waiting
    if (waiting === undefined) this.#slots--
    else waiting(undefined)
  }

  retire(): void {
    this.#isRetired = true
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  close(): void {
    this.#isRetired = true
    this.#isClosed = true
    this.#all.forEach((connection) => connection.close())
  }
}

const sendOn = (
  connection: HttpConnection,
  request: WireRequest,
  signal: AbortSignal,
  restore: Restore
): Effect.Effect<HttpResponse, AttemptFailure> => {
  const wasReused = connection.isReused
  const response = Effect.callback<HttpResponse, AttemptFailure>((resume) => {
    connection.send(request, {
      onResponse: (response) => {
        const cancel = (): void => response.body.cancel()
        if (signal.aborted) cancel()
        else signal.addEventListener("abort", cancel, { once: true })
        resume(Effect.succeed(response))
      },
      onFailure: (failure, isBeforeResponse) =>
        resume(Effect.fail({ failure, isStale: wasReused && isBeforeResponse && failure.kind === "reset" }))
    })
  })
  return Effect.onInterrupt(restore(response), () => Effect.sync(() => connection.close()))
}

/** Makes a pool. All its connections, also those in use, are closed with the scope. */
export const make = (options: HttpPoolOptions): Effect.Effect<HttpPool, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Connections(options)),
      (connections) => Effect.sync(() => connections.close())
    ),
    (connections): HttpPool => {
      const attempt = (
        request: WireRequest,
        options: SendOptions,
        restore: Restore
      ): Effect.Effect<HttpResponse, ConnectionFailure> =>
        Effect.flatMap(connections.acquire(restore), (connection) =>
          Effect.catch(sendOn(connection, request, options.signal, restore), ({ failure, isStale }) =>
            isStale && options.isIdempotent ? attempt(request, options, restore) : Effect.fail(failure)
          )
        )
      return {
        send: (request, options) =>
          Effect.uninterruptibleMask((restore) => attempt(request, options, restore)),
        retire: () => connections.retire()
      }
    }
  )
