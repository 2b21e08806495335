import { Duration, Effect, type Scope } from "effect"
import type { Socket } from "node:net"
import { connectionClosed, type ConnectionFailure } from "../ConnectionFailure.ts"
import type { HttpResponse, HttpConnection, HttpRequest } from "./HttpConnection.ts"

export interface HttpPoolOptions {
  /** Connects to the server. Calls `onSocket` for each socket. If connecting fails, the pool destroys these sockets. */
  readonly connect: (onSocket: (socket: Socket) => void) => Effect.Effect<HttpConnection, ConnectionFailure>
  /** The maximum number of open connections. Further requests wait for a connection. */
  readonly maxConnections: number
  /** The maximum number of idle connections. Further ones are closed. */
  readonly maxIdleConnections: number
  /** The time after which an idle connection is closed. */
  readonly idleTimeout: Duration.Input
}

export interface SendOptions {
  /** True if the request may be sent a second time (RFC 9110, section 9.2.2). */
  readonly isIdempotent: boolean
  readonly signal: AbortSignal
}

/** Sends requests to one server over a pool of connections. */
export interface HttpPool {
  /**
   * Sends a request and returns its response as soon as the head has arrived. If `signal` aborts while the
   * body is received, the body is cancelled and its connection is closed. If `signal` aborts before the head has
   * arrived, the body is cancelled when the head arrives. To stop the request earlier, interrupt the effect.
   *
   * As in Go, an idempotent request is sent again on another connection if its connection was stale. A connection is
   * stale if the pool reused it and the server closed it before the first byte of the response.
   */
  readonly send: (
    request: HttpRequest,
    options: SendOptions
  ) => Effect.Effect<HttpResponse, ConnectionFailure>
  /** Closes idle connections now, and every other connection as soon as it becomes idle. */
  readonly retire: () => void
}

/** An idle connection for a waiting request, or undefined if the request may make a new connection. */
type Turn = HttpConnection | undefined

/** The failure of one attempt. `isStale` is true if its connection was stale (see {@link HttpPool.send}). */
interface AttemptFailure {
  readonly failure: ConnectionFailure
  readonly isStale: boolean
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

class Connections {
  readonly #options: HttpPoolOptions
  readonly #idleMillis: number
  readonly #all = new Set<HttpConnection>()
  /** Idle connections. The last element is the most recently used connection. */
  readonly #idle: Array<HttpConnection> = []
  readonly #timers = new Map<HttpConnection, NodeJS.Timeout>()
  readonly #waiting = new Set<(turn: Turn) => void>()
  /** The number of connections that are open or being made. */
  #slots = 0
  #isRetired = false
  #isClosed = false

  constructor(options: HttpPoolOptions) {
    this.#options = options
    this.#idleMillis = Duration.toMillis(options.idleTimeout)
  }

  /**
   * Takes an idle connection, makes a connection, or waits for one. Call it in an uninterruptible region and use the
   * connection at once. Otherwise, the pool can lose the connection.
   */
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
    // A request may get its turn just before it is interrupted.
    const giveBack = Effect.sync(() => {
      if (given?.turn !== undefined) this.#keep(given.turn)
      else if (given !== undefined) this.#release()
    })
    return Effect.onInterrupt(restore(wait), () => giveBack)
  }

  /** Makes a connection in a slot that the caller has taken. Releases the slot if this fails. */
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
      // The connection may have been closed before it had an owner to notify.
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

  /** Gives a slot to the request that has waited longest. If no request waits, frees the slot. */
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
  request: HttpRequest,
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

/** Makes a pool. When the scope closes, all its connections are closed, including those in use. */
export const make = (options: HttpPoolOptions): Effect.Effect<HttpPool, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Connections(options)),
      (connections) => Effect.sync(() => connections.close())
    ),
    (connections): HttpPool => {
      const attempt = (
        request: HttpRequest,
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
