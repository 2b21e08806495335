import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Context, Deferred, type Duration, Effect, Layer, Option } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ServerResponse } from "node:http"
import * as NodeMessages from "./NodeMessages.ts"

/** Whether the program is stopping, and what it waits for before it does. */
export class Lifecycle extends Context.Service<
  Lifecycle,
  {
    readonly isDraining: () => boolean
    /** How many packages are being sent. */
    readonly underWay: () => number
    /** Counts a package request as under way while it runs and until its response is out, or its client gone. */
    readonly track: <A, E, R>(
      request: HttpServerRequest.HttpServerRequest,
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E, R>
    /** Counts a response as under way until it is out, or its client gone. */
    readonly sending: (response: ServerResponse) => void
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
        // Responses not yet handed to the system: a small one is written after its request's effect has ended.
        let unsent = 0
        const settle = (): void => {
          if (draining && underWay === 0 && unsent === 0) Deferred.doneUnsafe(idle, Effect.void)
        }
        const sending = (response: ServerResponse): void => {
          unsent++
          response.once("close", () => {
            unsent--
            settle()
          })
        }
        return Lifecycle.of({
          isDraining: () => draining,
          underWay: () => underWay,
          track: (request, effect) =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                underWay++
                sending(NodeMessages.outgoing(request))
              }),
              () => effect,
              () =>
                Effect.sync(() => {
                  underWay--
                  settle()
                })
            ),
          sending,
          closing: (response) =>
            draining ? HttpServerResponse.setHeader(response, "connection", "close") : response,
          drain: Effect.gen(function* () {
            draining = true
            yield* Effect.logInfo("stopping: waiting for packages under way", { underWay })
            yield* cache.drain ?? Effect.void
            settle()
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
