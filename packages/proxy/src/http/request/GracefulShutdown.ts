import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Context, Deferred, type Duration, Effect, Layer, Option } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ServerResponse } from "node:http"
import * as NodeMessages from "./NodeMessages.ts"

/** Tracks the package requests in progress, so that a graceful shutdown can wait for them. */
export class GracefulShutdown extends Context.Service<
  GracefulShutdown,
  {
    readonly isDraining: () => boolean
    /** Returns the number of package requests in progress. */
    readonly inProgress: () => number
    /**
     * Runs `effect`. Until `effect` ends, `inProgress` counts the request. `drain` waits until `effect` has ended, and
     * until the response is sent or the client disconnects.
     */
    readonly track: <A, E, R>(
      request: HttpServerRequest.HttpServerRequest,
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E, R>
    /** Makes `drain` wait until the response is sent or the client disconnects. */
    readonly trackResponse: (response: ServerResponse) => void
    /** Returns the response. Adds `connection: close` to it while the program is draining. */
    readonly closeWhenDraining: (
      response: HttpServerResponse.HttpServerResponse
    ) => HttpServerResponse.HttpServerResponse
    /**
     * Makes the program refuse new package requests, and waits until the package requests in progress have ended. Waits
     * at most for the grace period. If the grace period ends first, logs a warning.
     */
    readonly drain: Effect.Effect<void>
  }
>()("@registry-packages-proxy/proxy/http/GracefulShutdown") {
  static readonly layer = (
    gracePeriod: Duration.Duration
  ): Layer.Layer<GracefulShutdown, never, DigestCache> =>
    Layer.effect(
      GracefulShutdown,
      Effect.gen(function* () {
        const cache = yield* DigestCache
        const idle = yield* Deferred.make<void>()
        let draining = false
        let inProgress = 0
        // Responses that are not sent yet. A small response is written after the effect of its request has ended.
        let unsent = 0
        const checkIdle = (): void => {
          if (draining && inProgress === 0 && unsent === 0) Deferred.doneUnsafe(idle, Effect.void)
        }
        const trackResponse = (response: ServerResponse): void => {
          unsent++
          response.once("close", () => {
            unsent--
            checkIdle()
          })
        }
        return GracefulShutdown.of({
          isDraining: () => draining,
          inProgress: () => inProgress,
          track: (request, effect) =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                inProgress++
                trackResponse(NodeMessages.nodeResponse(request))
              }),
              () => effect,
              () =>
                Effect.sync(() => {
                  inProgress--
                  checkIdle()
                })
            ),
          trackResponse,
          closeWhenDraining: (response) =>
            draining ? HttpServerResponse.setHeader(response, "connection", "close") : response,
          drain: Effect.gen(function* () {
            draining = true
            yield* Effect.logInfo("stopping: waiting for packages in progress", { inProgress })
            yield* cache.drain ?? Effect.void
            checkIdle()
            const finished = yield* Effect.timeoutOption(Deferred.await(idle), gracePeriod)
            if (Option.isNone(finished)) {
              yield* Effect.logWarning("grace period is over: aborting packages in progress", { inProgress })
            }
          })
        })
      })
    )
}
