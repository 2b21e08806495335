import { clientSpan } from "@registry-packages-proxy/node-net/http/ClientSpan"
import { Clock, Context, Effect, Exit, Metric, Schedule, Scope, Stream } from "effect"
import { HttpClient, type HttpClientRequest, type HttpClientResponse } from "effect/http"
import * as Metrics from "../../Metrics.ts"
import { type OtherServer, TimedOut } from "../../RegistryError.ts"
import type { UpstreamTarget, Upstream } from "../../Upstream.ts"
import * as Limits from "./Limits.ts"
import { otherServerField, permanent, retryable, type PullFailure } from "./PullFailure.ts"
import { fromClientError } from "./ConnectionErrors.ts"

// Disables Effect's own request span, which contains headers (credentials) and queries (signatures). Also keeps the
// trace context out of requests to registries.
const withoutSecretsInSpans = Context.make(HttpClient.TracerDisabledWhen, () => true).pipe(
  Context.add(HttpClient.TracerPropagationEnabled, false)
)

/** Returns the URL for the span of a request. For an invalid URL, returns only the target's scheme and host. */
const urlOf = (request: HttpClientRequest.HttpClientRequest, { host, scheme }: UpstreamTarget) =>
  URL.parse(request.url) ?? { protocol: `${scheme}:`, hostname: host, port: "", pathname: "" }

/** A response from a registry, a token service or a redirect target. The body is not read yet. */
export interface UpstreamResponse {
  readonly response: HttpClientResponse.HttpClientResponse
  /** The server's host, for messages. */
  readonly host: string
  /** The token service or redirect target that responded. Undefined if the registry itself responded. */
  readonly otherServer: OtherServer | undefined
  /**
   * Ends the body. Closes the connection if the body was not completely received. The end of the request's scope has
   * the same effect.
   */
  readonly cancel: Effect.Effect<void>
}

/** One request to an upstream server. */
export interface SendOptions {
  /** The service that connects to `target`. */
  readonly upstream: Upstream["Service"]
  /** The operation that the request belongs to, for metrics. */
  readonly operation: Metrics.UpstreamOperation
  /** The server to connect to, and the certificates to trust. */
  readonly target: UpstreamTarget
  readonly request: HttpClientRequest.HttpClientRequest
  /** Describes the target in errors. Undefined if the target is the registry itself. */
  readonly otherServer: OtherServer | undefined
}

/**
 * Sends one request, without retries or redirects, and returns the response without reading its body. Fails with
 * `TimedOut` if the response does not begin within {@link Limits.headersTimeout}.
 */
export const sendOnce = Effect.fnUntraced(function* ({
  operation,
  otherServer,
  request,
  target,
  upstream
}: SendOptions): Effect.fn.Return<UpstreamResponse, PullFailure, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const client = yield* upstream.client(target).pipe(Effect.mapError(permanent), Scope.provide(scope))
  const start = yield* Clock.currentTimeMillis
  const { attempt } = yield* Schedule.CurrentMetadata
  const traced = { method: request.method, url: urlOf(request, target), resends: attempt }
  const response = yield* clientSpan(traced, () =>
    HttpClient.withScope(client)
      .execute(request)
      .pipe(
        Effect.mapError((error) => fromClientError(error, target.host, otherServer)),
        Effect.timeoutOrElse({
          duration: Limits.headersTimeout,
          orElse: () =>
            Effect.fail(retryable(new TimedOut({ phase: "headers", ...otherServerField(otherServer) })))
        }),
        Effect.tapError(() => Metric.update(Metrics.requests(operation, "error"), 1)),
        Effect.provideContext(withoutSecretsInSpans),
        Scope.provide(scope),
        Effect.onError(() => Scope.close(scope, Exit.void))
      )
  )
  const end = yield* Clock.currentTimeMillis
  yield* Metric.update(Metrics.requests(operation, response.status), 1)
  yield* Metric.update(Metrics.requestDuration(operation), (end - start) / 1000)
  return { response, host: target.host, otherServer, cancel: Scope.close(scope, Exit.void) }
})

/**
 * Discards a body. Drains a body of at most {@link Limits.maxDrained} bytes, so that its connection can be reused.
 * Closes the connection if the body is longer, or if draining takes longer than {@link Limits.drainTimeout}.
 */
export const discard = ({ cancel, response }: UpstreamResponse): Effect.Effect<void> =>
  response.stream.pipe(
    Stream.scan(
      () => 0,
      (length, chunk) => length + chunk.length
    ),
    Stream.takeWhile((length) => length <= Limits.maxDrained),
    Stream.runDrain,
    Effect.timeout(Limits.drainTimeout),
    Effect.ignore,
    Effect.andThen(cancel)
  )
