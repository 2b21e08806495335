import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Context, Deferred, type Duration, Effect, Layer, Option } from "effect"
import { HttpServerResponse } from "effect/http"

/** Whether the program is stopping, and what it waits for before it does. */
export class Lifecycle extends Context.Service<
  Lifecycle,
  {
    readonly isDraining: () => boolean
    /** How many packages are being sent. */
    readonly underWay: () => number
    /** Counts a package request as under way while it runs. */
    readonly track: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Asks the client to close the connection after this response, once the program is stopping. */
    readonly closing: (
      response: HttpServerResponse.HttpServerResponse
    ) => HttpServerResponse.HttpServerResponse
    /** Turns new packages away and waits for those under way, at most for the grace period. */
    readonly drain: Effect.Effect<void>
  }
>()("@registry-packages-proxy/proxy/http/Lifecycle") {
  static readonly layer = (gracePeriod: Duration.Duration): Layer.Layer<Lifecycle, never, DigestCache> =>
    Layer.effect(
      Lifecycle,
      Effect.gen(function* () {
        const cache = yield* DigestCache
        const idle = yield* Deferred.make<void>()
        let draining = false
        let underWay = 0
        const settle = Effect.suspend(() =>
          draining && underWay === 0 ? Effect.asVoid(Deferred.succeed(idle, undefined)) : Effect.void
        )
        return Lifecycle.of({
          isDraining: () => draining,
          underWay: () => underWay,
          track: (effect) =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                underWay++
              }),
              () => effect,
              () => {
                underWay--
                return settle
              }
            ),
          closing: (response) =>
            draining ? HttpServerResponse.setHeader(response, "connection", "close") : response,
          drain: Effect.gen(function* () {
            draining = true
            yield* Effect.logInfo("stopping: waiting for packages under way", { underWay })
            yield* cache.drain
            yield* settle
            const finished = yield* Effect.timeoutOption(Deferred.await(idle), gracePeriod)
            if (Option.isNone(finished)) {
              yield* Effect.logWarning("the grace period is over; packages under way are broken off", {
                underWay
              })
            }
          })
        })
      })
    )
}
