import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Cause, Clock, Effect, Metric, type Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import * as Metrics from "../metrics/Metrics.ts"
import * as OpenMetrics from "../metrics/OpenMetrics.ts"
import * as ProcessFigures from "../metrics/ProcessFigures.ts"
import { Refresh } from "../metrics/Refresh.ts"
import type { Gate } from "./access/Access.ts"
import * as Exchanges from "./request/Exchange.ts"
import { Lifecycle } from "./request/Lifecycle.ts"
import { limits } from "./request/Limits.ts"
import * as NodeMessages from "./request/NodeMessages.ts"
import * as PackageHandler from "./package/PackageHandler.ts"
import * as Problem from "./request/Problem.ts"
import * as Recorder from "./request/Recorder.ts"
import * as RequestMetrics from "./request/RequestMetrics.ts"
import * as RequestHead from "./request/RequestHead.ts"
import * as RequestTarget from "./request/RequestTarget.ts"
import * as ResidentAnswer from "./ResidentAnswer.ts"
import * as ServerSpans from "./request/ServerSpans.ts"

type Exchange = Exchanges.Exchange
type KnownRoute = Exchanges.KnownRoute
type Response = HttpServerResponse.HttpServerResponse

/** The status a request is counted under whose client left before it was answered. */
const clientClosedRequest = 499

const plainText = (status: number, text: string, contentType = "text/plain; charset=utf-8"): Response =>
  HttpServerResponse.text(text, { status, contentType, headers: Problem.noStore })

/** What answers a listener's requests: some at once, on Node's response, and all others as an effect. */
export interface Served {
  readonly atOnce: ResidentAnswer.AtOnce
  readonly handler: Effect.Effect<Response, never, HttpServerRequest.HttpServerRequest | Scope.Scope>
}

/** The program's HTTP API, whatever listens: DESIGN's paths, each request counted and, but for probes, logged. */
export const make = Effect.fnUntraced(function* (options: {
  readonly platform: Platform
  /** The most packages being sent at a time; that of the limits unless told. */
  readonly packages?: number
}) {
  const { packages = limits.packages } = options
  const cache = yield* DigestCache
  const credentials = yield* CredentialStore
  const lifecycle = yield* Lifecycle
  const answerPackage = yield* PackageHandler.make(options.platform)
  const { exemplars, measure } = yield* RequestMetrics.make
  const updateFigures = yield* ProcessFigures.make
  const record = yield* Recorder.make(measure)
  const spans = yield* ServerSpans.make
  const atOnce = yield* ResidentAnswer.make({ platform: options.platform, packages, record })

  const readiness: Effect.Effect<Response> = Effect.gen(function* () {
    if (lifecycle.isDraining()) return plainText(503, "shutting down\n")
    const status = yield* credentials.status
    if (!status.synced) return plainText(503, `not ready: waiting for ${status.waitingFor.join(", ")}\n`)
    return plainText(200, (yield* cache.degraded) ? "degraded: cache\n" : "ok\n")
  })

  const isReady = Effect.map(credentials.status, ({ synced }) => synced && !lifecycle.isDraining())

  const refresh = Effect.andThen(
    updateFigures,
    Effect.flatMap(isReady, (ready) => Metric.update(Metrics.ready, ready ? 1 : 0))
  )
  const others = yield* Refresh
  others?.add(refresh)

  const metrics = (accept: string | undefined): Effect.Effect<Response> =>
    Effect.gen(function* () {
      yield* refresh
      const text = yield* PrometheusMetrics.format()
      return OpenMetrics.isAskedFor(accept)
        ? plainText(200, OpenMetrics.fromPrometheus(text, exemplars), OpenMetrics.contentType)
        : plainText(200, text, "text/plain; version=0.0.4; charset=utf-8")
    })

  const problemFor = (exchange: Exchange) => (problem: Problem.Problem) =>
    Effect.sync(() => {
      exchange.error = problem.error
      return Problem.toResponse(problem, exchange.requestId)
    })

  const answer = (
    request: HttpServerRequest.HttpServerRequest,
    query: string,
    exchange: Exchange,
    gate: Gate | undefined
  ): Effect.Effect<Response, never, Scope.Scope> => {
    const problem = problemFor(exchange)
    const malformed = RequestHead.problemOf(NodeMessages.incoming(request))
    if (malformed !== undefined) return problem(malformed)
    const { route } = exchange
    if (route === "unknown") return problem(Problem.unknownPath)
    if (gate === undefined) return admitted(request, route, query, exchange)
    return Effect.flatMap(gate.ask(NodeMessages.incoming(request), route, exchange), (refusal) =>
      refusal === undefined ? admitted(request, route, query, exchange) : problem(refusal)
    )
  }

  /** Answers who may ask. */
  const admitted = (
    request: HttpServerRequest.HttpServerRequest,
    route: KnownRoute,
    query: string,
    exchange: Exchange
  ): Effect.Effect<Response, never, Scope.Scope> => {
    const problem = problemFor(exchange)
    if (request.method !== "GET" && request.method !== "HEAD") return problem(Problem.methodNotAllowed)
    switch (route) {
      case "healthz":
        return Effect.succeed(plainText(200, "ok\n"))
      case "readyz":
        return readiness
      case "metrics":
        return metrics(request.headers["accept"])
      case "package":
        if (lifecycle.isDraining()) return problem(Problem.shuttingDown)
        if (lifecycle.underWay() > packages) return problem(Problem.tooManyRequests)
        return answerPackage(request, query, exchange)
    }
  }

  const failed = (exchange: Exchange, defect: unknown): Effect.Effect<Response> => {
    exchange.cause = Cause.die(defect)
    return problemFor(exchange)(Problem.internal)
  }

  const respond = Effect.fnUntraced(function* (gate: Gate | undefined) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const began = yield* Clock.currentTimeMillis
    const { path, query } = RequestTarget.parse(NodeMessages.incoming(request).url ?? "")
    const exchange = Exchanges.make(Exchanges.routeOf(path), NodeMessages.incoming(request))
    const span = spans.begin(NodeMessages.incoming(request), exchange)
    // Looked at once it is counted, and where a defect is caught.
    const answered = Effect.suspend(() => answer(request, query, exchange, gate)).pipe(
      Effect.catchDefect((defect) => failed(exchange, defect)),
      Effect.map((response) => {
        const { body } = response
        if (body._tag === "Uint8Array" && request.method !== "HEAD") exchange.bytes = body.contentLength
        // The secure port keeps connections of authenticated callers only: others could hold all of them for nothing.
        return gate !== undefined && exchange.user === undefined
          ? HttpServerResponse.setHeader(response, "connection", "close")
          : lifecycle.closing(response)
      }),
      // Effect's server runs its handlers uninterruptible; a client that leaves is to end what was done for it.
      Effect.interruptible,
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const { headersSent, statusCode } = NodeMessages.outgoing(request)
          const isBroken = exit._tag === "Failure" && headersSent
          if (isBroken) exchange.aborted = true
          const status =
            exit._tag === "Success" ? exit.value.status : isBroken ? statusCode : clientClosedRequest
          record({ method: request.method, exchange, status, began, span })
          spans.end(span, exchange, status)
        })
      )
    )
    const traced =
      span === undefined ? answered : Effect.withParentSpan(answered, span, { captureStackTrace: false })
    return yield* exchange.route === "package" ? lifecycle.track(request, traced) : traced
  })

  const behind = (gate: Gate | undefined): Served => ({ handler: respond(gate), atOnce: atOnce(gate) })

  return {
    /** For whoever reaches the listener. */
    application: behind(undefined),
    /** For whom the gate lets in. */
    guarded: (gate: Gate) => behind(gate)
  }
})

export type Application = Effect.Success<ReturnType<typeof make>>
