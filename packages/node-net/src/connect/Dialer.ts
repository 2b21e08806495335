import { Cache, Clock, Deferred, Duration, Effect, Exit } from "effect"
import type { Socket } from "node:net"
import { type ConnectionFailure, connectTimedOut, fromCause } from "../ConnectionFailure.ts"
import { dns, net } from "../NodeModules.ts"

/** An IP address of a host. `family` is 4 or 6. */
export interface HostAddress {
  readonly address: string
  readonly family: number
}

/** Resolves a name to its addresses, in the order in which they are tried. */
export type Lookup = (hostname: string) => Effect.Effect<ReadonlyArray<HostAddress>, ConnectionFailure>

/** The time after which the second address family (IPv4 or IPv6) is tried too. Source: RFC 8305 and Go's net.Dialer. */
const fallbackDelay = "300 millis"

/** The minimum time to try one of several addresses, in milliseconds. Source: Go's net.Dialer. */
const minAttemptMillis = 2000

/** Uses the system's resolver, which also reads the hosts file. The addresses are in the order of RFC 6724. */
const systemLookup: Lookup = (hostname) =>
  Effect.callback((resume) => {
    dns.lookup(hostname, { all: true, order: "verbatim" }, (error, addresses) => {
      resume(error === null ? Effect.succeed(addresses) : Effect.fail(fromCause(error)))
    })
  })

/** Connects to hosts by name or by IP address. */
export interface Dialer {
  /**
   * Connects to the first address that accepts, as Go's net.Dialer does. Tries the addresses of one family (IPv4 or
   * IPv6) one by one, beginning with the first address of the lookup. After 300 ms, or as soon as all of these have
   * failed, also tries the addresses of the other family.
   *
   * `open` starts a connection to an address. All sockets are destroyed except the returned one. If no address accepts,
   * fails with the failure of the first address. `timeout` includes the time of the lookup, but does not interrupt the
   * lookup.
   */
  readonly dial: (
    hostname: string,
    timeout: Duration.Input,
    open: (address: string) => Socket
  ) => Effect.Effect<Socket, ConnectionFailure>
}

const connected = (open: () => Socket): Effect.Effect<Socket, ConnectionFailure> =>
  Effect.callback((resume) => {
    const socket = open()
    const onConnect = (): void => {
      stop()
      resume(Effect.succeed(socket))
    }
    const onError = (error: Error): void => {
      stop()
      resume(Effect.fail(fromCause(error)))
    }
    const stop = (): void => {
      socket.off("connect", onConnect)
      socket.off("error", onError)
    }
    socket.on("connect", onConnect)
    socket.on("error", onError)
    return Effect.sync(() => void socket.destroy())
  })

/**
 * Tries addresses one by one. Each address gets an equal share of the remaining time. While enough time remains, this
 * share is at least {@link minAttemptMillis}.
 */
const dialInTurn = Effect.fnUntraced(function* (
  addresses: ReadonlyArray<HostAddress>,
  deadline: number,
  open: (address: string) => Socket
): Effect.fn.Return<Socket, ConnectionFailure> {
  let first: ConnectionFailure | undefined
  for (const [index, { address }] of addresses.entries()) {
    const remaining = deadline - (yield* Clock.currentTimeMillis)
    const share = Math.min(remaining, Math.max(minAttemptMillis, remaining / (addresses.length - index)))
    const attempt = connected(() => open(address)).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(Math.max(0, share)),
        orElse: () => Effect.fail(connectTimedOut)
      }),
      Effect.result
    )
    const result = yield* attempt
    if (result._tag === "Success") return result.success
    first ??= result.failure
  }
  return yield* first ?? fromCause({ code: "ENOTFOUND" })
})

/** Makes a dialer. The dialer coalesces concurrent lookups of the same name, and caches no result. */
export const make = (lookup: Lookup = systemLookup): Effect.Effect<Dialer> =>
  Effect.map(Cache.make({ lookup, capacity: 1024, timeToLive: Duration.zero }), (lookups) => ({
    dial: Effect.fnUntraced(function* (hostname, timeout, connect) {
      const opened = new Set<Socket>()
      const open = (address: string): Socket => {
        const socket = connect(address)
        opened.add(socket)
        return socket
      }
      const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(timeout)
      const family = net.isIP(hostname)
      const addresses = family === 0 ? yield* Cache.get(lookups, hostname) : [{ address: hostname, family }]
      const [first] = addresses
      const primary = addresses.filter((each) => each.family === first?.family)
      const fallback = addresses.filter((each) => each.family !== first?.family)
      const destroyOthers = (winner: Socket | undefined) =>
        Effect.sync(() => {
          for (const socket of opened) if (socket !== winner) socket.destroy()
        })
      if (fallback.length === 0) return yield* dialInTurn(primary, deadline, open)
      const primaryFailed = yield* Deferred.make<ConnectionFailure>()
      const primaryAttempt = Effect.tapError(dialInTurn(primary, deadline, open), (failure) =>
        Deferred.succeed(primaryFailed, failure)
      )
      const fallbackAttempt = Effect.andThen(
        Effect.raceFirst(Deferred.await(primaryFailed), Effect.sleep(fallbackDelay)),
        dialInTurn(fallback, deadline, open)
      )
      return yield* Effect.race(primaryAttempt, fallbackAttempt).pipe(
        Effect.catch(() => Effect.flatMap(Deferred.await(primaryFailed), Effect.fail)),
        // Both attempts may have connected.
        Effect.onExit((exit) => destroyOthers(Exit.isSuccess(exit) ? exit.value : undefined))
      )
    })
  }))
