import { Cache, Clock, Deferred, Duration, Effect, Exit } from "effect"
import type { Socket } from "node:net"
import { type ConnectionFailure, fromCause, notInTime } from "../ConnectionFailure.ts"
import { dns, net } from "../NodeModules.ts"

/** An address of a host. */
export interface HostAddress {
  readonly address: string
  readonly family: number
}

/** Finds a name's addresses, in the order in which they are to be tried. */
export type Lookup = (hostname: string) => Effect.Effect<ReadonlyArray<HostAddress>, ConnectionFailure>

/** How long the other family of addresses waits for the first one. Source: RFC 8305; Go's net.Dialer. */
const fallbackDelay = "300 millis"

/** The least time that one of several addresses gets, in milliseconds; Go's. */
const leastShare = 2000

/** The system's resolver, hosts file included, in the order of RFC 6724. */
const systemLookup: Lookup = (hostname) =>
  Effect.callback((resume) => {
    dns.lookup(hostname, { all: true, order: "verbatim" }, (error, addresses) => {
      resume(error === null ? Effect.succeed(addresses) : Effect.fail(fromCause(error)))
    })
  })

/** Connects to hosts. */
export interface Dialer {
  /**
   * A connection to the first address that takes one, as Go's net.Dialer finds it: the addresses of the first one's family
   * one after the other, and those of the other family beside them once the first ones failed or 300 ms are over.
   *
   * `open` begins a connection to an address; those that lose are destroyed. Fails with what the first family's first
   * address said.
   */
  readonly dial: (
    hostname: string,
    millis: number,
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

/** One address after the other; what is left of the time is shared among those that are left. */
const inTurn = Effect.fnUntraced(function* (
  addresses: ReadonlyArray<HostAddress>,
  deadline: number,
  open: (address: string) => Socket
): Effect.fn.Return<Socket, ConnectionFailure> {
  let first: ConnectionFailure | undefined
  for (const [index, { address }] of addresses.entries()) {
    const left = deadline - (yield* Clock.currentTimeMillis)
    const share = Math.min(left, Math.max(leastShare, left / (addresses.length - index)))
    const attempt = connected(() => open(address)).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(Math.max(0, share)),
        orElse: () => Effect.fail(notInTime)
      }),
      Effect.result
    )
    const result = yield* attempt
    if (result._tag === "Success") return result.success
    first ??= result.failure
  }
  return yield* first ?? fromCause({ code: "ENOTFOUND" })
})

/** A dialer whose concurrent lookups of one name are one. */
export const make = (lookup: Lookup = systemLookup): Effect.Effect<Dialer> =>
  Effect.map(Cache.make({ lookup, capacity: 1024, timeToLive: Duration.zero }), (lookups) => ({
    dial: Effect.fnUntraced(function* (hostname, millis, begin) {
      const begun = new Set<Socket>()
      const open = (address: string): Socket => {
        const socket = begin(address)
        begun.add(socket)
        return socket
      }
      const deadline = (yield* Clock.currentTimeMillis) + millis
      const family = net.isIP(hostname)
      const addresses = family === 0 ? yield* Cache.get(lookups, hostname) : [{ address: hostname, family }]
      const [first] = addresses
      const primary = addresses.filter((each) => each.family === first?.family)
      const fallback = addresses.filter((each) => each.family !== first?.family)
      const only = (winner: Socket | undefined) =>
        Effect.sync(() => {
          for (const socket of begun) if (socket !== winner) socket.destroy()
        })
      if (fallback.length === 0) return yield* inTurn(primary, deadline, open)
      const failed = yield* Deferred.make<ConnectionFailure>()
      const patient = Effect.tapError(inTurn(primary, deadline, open), (failure) =>
        Deferred.succeed(failed, failure)
      )
      const late = Effect.andThen(
        Effect.raceFirst(Deferred.await(failed), Effect.sleep(fallbackDelay)),
        inTurn(fallback, deadline, open)
      )
      return yield* Effect.race(patient, late).pipe(
        Effect.catch(() => Effect.flatMap(Deferred.await(failed), Effect.fail)),
        // Two may have connected at once.
        Effect.onExit((exit) => only(Exit.isSuccess(exit) ? exit.value : undefined))
      )
    })
  }))
