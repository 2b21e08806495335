import { clientSpan } from "@registry-packages-proxy/node-net/http/ClientSpan"
import { Clock, Context, Effect, Exit, Metric, Schedule, Scope, Stream } from "effect"
import { HttpClient, type HttpClientRequest, type HttpClientResponse } from "effect/http"
import * as Metrics from "../../Metrics.ts"
import { type OtherServer, TimedOut } from "../../RegistryError.ts"
import type { Target, Upstream } from "../../Upstream.ts"
import * as Limits from "./Limits.ts"
import { byOf, final, type Operation, passing, type PullFailure } from "./PullFailure.ts"
import { fromClientError } from "./Transport.ts"

// Headers hold credentials and queries hold signatures, which Effect's span of a request would have; and nothing of a trace
// is told to servers that others run.
const untraced = Context.make(HttpClient.TracerDisabledWhen, () => true).pipe(
  Context.add(HttpClient.TracerPropagationEnabled, false)
)

/** The address of a request in its span; a text that is no address is refused where it is sent. */
const urlOf = (request: HttpClientRequest.HttpClientRequest, { host, scheme }: Target) =>
  URL.parse(request.url) ?? { protocol: `${scheme}:`, hostname: host, port: "", pathname: "" }

/** An answer whose body is still to be read. */
export interface Answer {
  readonly response: HttpClientResponse.HttpClientResponse
  /** The server that answered, for messages. */
  readonly host: string
  /** The same, where that is not the registry itself. */
  readonly server: OtherServer | undefined
  /** Gives the connection up, which ends the body too; the scope it was asked in does so at the latest. */
  readonly abandon: Effect.Effect<void>
}

/** Sends one request and gives the head of its answer, whatever its status. */
export const send = Effect.fnUntraced(function* (
  upstream: Upstream["Service"],
  operation: Operation,
  target: Target,
  request: HttpClientRequest.HttpClientRequest,
  server: OtherServer | undefined
): Effect.fn.Return<Answer, PullFailure, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const client = yield* upstream.client(target).pipe(Effect.mapError(final), Scope.provide(scope))
  const start = yield* Clock.currentTimeMillis
  const { attempt } = yield* Schedule.CurrentMetadata
  const traced = { method: request.method, url: urlOf(request, target), resends: attempt }
  const response = yield* clientSpan(traced, () =>
    HttpClient.withScope(client)
      .execute(request)
      .pipe(
        Effect.mapError((error) => fromClientError(error, target.host, server)),
        Effect.timeoutOrElse({
          duration: Limits.headersTimeout,
          orElse: () => Effect.fail(passing(new TimedOut({ phase: "headers", ...byOf(server) })))
        }),
        Effect.tapError(() => Metric.update(Metrics.requests(operation, "error"), 1)),
        Effect.provideContext(untraced),
        Scope.provide(scope),
        Effect.onError(() => Scope.close(scope, Exit.void))
      )
  )
  const end = yield* Clock.currentTimeMillis
  yield* Metric.update(Metrics.requests(operation, response.status), 1)
  yield* Metric.update(Metrics.seconds(operation), (end - start) / 1000)
  return { response, host: target.host, server, abandon: Scope.close(scope, Exit.void) }
})

/** Is done with an answer whose body nobody needs: reads it as far as is cheap, so that the connection can be kept. */
export const discard = ({ abandon, response }: Answer): Effect.Effect<void> =>
  response.stream.pipe(
    Stream.scan(
      () => 0,
      (length, chunk) => length + chunk.length
    ),
    Stream.takeWhile((length) => length <= Limits.maxDiscarded),
    Stream.runDrain,
    Effect.timeout(Limits.discardTimeout),
    Effect.ignore,
    Effect.andThen(abandon)
  )
