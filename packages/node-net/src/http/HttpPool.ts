import { Effect, type Scope } from "effect"
import type { Socket } from "node:net"
import { closedEarly, type ConnectionFailure } from "../ConnectionFailure.ts"
import type { Answer, HttpConnection, WireRequest } from "./HttpConnection.ts"

export interface HttpPoolOptions {
  /** Makes a connection to the server; `begun` hears of its sockets, which are destroyed where there comes none of it. */
  readonly connect: (begun: (socket: Socket) => void) => Effect.Effect<HttpConnection, ConnectionFailure>
  /** The most connections at a time; more requests wait for one. */
  readonly maxConnections: number
  /** The most connections that are kept without use. */
  readonly maxIdle: number
  /** How long one is kept without use, in milliseconds. */
  readonly idleMillis: number
}

export interface SendOptions {
  /** Asking twice does no more than asking once. */
  readonly isRepeatable: boolean
  readonly signal: AbortSignal
}

/** Requests to one server over connections that are kept and shared. */
export interface HttpPool {
  /**
   * Sends a request and gives the head of its answer. When the signal fires, what was not read of the body is given up,
   * and the connection with it. A connection that had answered before and was closed before a byte of this answer came
   * was given up by the server just then: a request that `isRepeatable` is sent once more, as Go does.
   */
  readonly send: (request: WireRequest, options: SendOptions) => Effect.Effect<Answer, ConnectionFailure>
  /** Keeps no connection from now on; what runs runs on. */
  readonly retire: () => void
}

/** A connection for the first who waits, or (undefined) the place of one that is gone. */
type Turn = HttpConnection | undefined

/** The failure of one attempt, and whether another connection may do better. */
interface Failed {
  readonly failure: ConnectionFailure
  readonly isStale: boolean
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

class Connections {
  readonly #options: HttpPoolOptions
  readonly #all = new Set<HttpConnection>()
  /** Those without use, the one used last at the end. */
  readonly #idle: Array<HttpConnection> = []
  readonly #timers = new Map<HttpConnection, NodeJS.Timeout>()
  readonly #waiting = new Set<(turn: Turn) => void>()
  /** Connections there are and those being made. */
  #places = 0
  #isRetired = false
  #isClosed = false

  constructor(options: HttpPoolOptions) {
    this.#options = options
  }

  /** To be run where nothing interrupts but what is `restore`d, and followed by a use at once. */
  acquire(restore: Restore): Effect.Effect<HttpConnection, ConnectionFailure> {
    return Effect.suspend(() => {
      if (this.#isClosed) return Effect.fail(closedEarly)
      const idle = this.#takeIdle()
      if (idle !== undefined) return Effect.succeed(idle)
      if (this.#places < this.#options.maxConnections) {
        this.#places++
        return this.#connect(restore)
      }
      return Effect.flatMap(this.#turn(restore), (turn) =>
        turn === undefined ? this.#connect(restore) : Effect.succeed(turn)
      )
    })
  }

  #turn(restore: Restore): Effect.Effect<Turn> {
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
    // Whoever is interrupted just then does not keep it.
    const giveBack = Effect.sync(() => {
      if (given?.turn !== undefined) this.#keep(given.turn)
      else if (given !== undefined) this.#release()
    })
    return Effect.onInterrupt(restore(wait), () => giveBack)
  }

  /** For whom a place is reserved. */
  #connect(restore: Restore): Effect.Effect<HttpConnection, ConnectionFailure> {
    if (this.#isClosed) {
      this.#release()
      return Effect.fail(closedEarly)
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
      // One that was closed before it had an owner tells nobody.
      this.#forget(connection)
    }
    return connection
  }

  #keep(connection: HttpConnection): void {
    const [waiting] = this.#waiting
    if (waiting !== undefined) return waiting(connection)
    const { idleMillis, maxIdle } = this.#options
    if (this.#isRetired || this.#idle.length >= maxIdle) return connection.close()
    this.#idle.push(connection)
    this.#timers.set(
      connection,
      setTimeout(() => connection.close(), idleMillis)
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

  /** Gives a place to who waits longest. */
  #release(): void {
    const [waiting] = this.#waiting
    if (waiting === undefined) this.#places--
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

const exchange = (
  connection: HttpConnection,
  request: WireRequest,
  signal: AbortSignal,
  restore: Restore
): Effect.Effect<Answer, Failed> => {
  const wasReused = connection.isReused
  const answer = Effect.callback<Answer, Failed>((resume) => {
    connection.send(request, {
      onAnswer: (answer) => {
        const abandon = (): void => answer.body.abandon()
        if (signal.aborted) abandon()
        else signal.addEventListener("abort", abandon, { once: true })
        resume(Effect.succeed(answer))
      },
      onFailure: (failure, isUntouched) =>
        resume(Effect.fail({ failure, isStale: wasReused && isUntouched && failure.kind === "reset" }))
    })
  })
  return Effect.onInterrupt(restore(answer), () => Effect.sync(() => connection.close()))
}

/** A pool that is closed, connections in use included, with its scope. */
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
      ): Effect.Effect<Answer, ConnectionFailure> =>
        Effect.flatMap(connections.acquire(restore), (connection) =>
          Effect.catch(exchange(connection, request, options.signal, restore), ({ failure, isStale }) =>
            isStale && options.isRepeatable ? attempt(request, options, restore) : Effect.fail(failure)
          )
        )
      return {
        send: (request, options) =>
          Effect.uninterruptibleMask((restore) => attempt(request, options, restore)),
        retire: () => connections.retire()
      }
    }
  )
