import { Clock, Context, Effect, Metric, type Scope, Stream } from "effect"
import { HttpClient, type HttpClientRequest, type HttpClientResponse, UrlParams } from "effect/http"
import * as Metrics from "../Metrics.ts"
import { TimedOut } from "../RegistryError.ts"
import { type Target, Upstream } from "../Upstream.ts"
import * as Limits from "./Limits.ts"
import { final, type Operation, passing, type PullFailure } from "./PullFailure.ts"
import { fromClientError } from "./Transport.ts"

// Headers hold credentials and queries hold signatures, so no span gets any of either.
const discreet = Context.make(HttpClient.TracerHeaderFilter, () => false).pipe(
  Context.add(UrlParams.CurrentRedactedNames, [/^/])
)

/** Sends one request and gives the head of its answer, whatever its status; the scope owns the connection. */
export const send = Effect.fnUntraced(function*(
  upstream: Upstream["Service"],
  operation: Operation,
  target: Target,
  request: HttpClientRequest.HttpClientRequest
): Effect.fn.Return<HttpClientResponse.HttpClientResponse, PullFailure, Scope.Scope> {
  const client = yield* Effect.mapError(upstream.client(target), final)
  const start = yield* Clock.currentTimeMillis
  const response = yield* HttpClient.withScope(client).execute(request).pipe(
    Effect.mapError((error) => fromClientError(error, target.host)),
    Effect.timeoutOrElse({
      duration: Limits.headersTimeout,
      orElse: () => Effect.fail(passing(new TimedOut({ phase: "headers" })))
    }),
    Effect.tapError(() => Metric.update(Metrics.requests(operation, "error"), 1)),
    Effect.provideContext(discreet)
  )
  const end = yield* Clock.currentTimeMillis
  yield* Metric.update(Metrics.requests(operation, response.status), 1)
  yield* Metric.update(Metrics.seconds(operation), (end - start) / 1000)
  return response
})

/** Reads a body nobody needs, as far as that is cheap, so that its connection can be used again. */
export const discard = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
  response.stream.pipe(
    Stream.scan(() => 0, (length, chunk) => length + chunk.length),
    Stream.takeWhile((length) => length <= Limits.maxDiscarded),
    Stream.runDrain,
    Effect.timeout(Limits.discardTimeout),
    Effect.ignore
  )
