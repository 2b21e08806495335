import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Clock, Effect, type Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import type { Gate } from "./Access.ts"
import * as Exchanges from "./Exchange.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { limits } from "./Limits.ts"
import * as NodeMessages from "./NodeMessages.ts"
import * as PackageHandler from "./PackageHandler.ts"
import * as Problem from "./Problem.ts"
import * as Recorder from "./Recorder.ts"
import * as RequestHead from "./RequestHead.ts"
import * as RequestTarget from "./RequestTarget.ts"
import * as ResidentAnswer from "./ResidentAnswer.ts"

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
  const record = yield* Recorder.make
  const atOnce = yield* ResidentAnswer.make({ platform: options.platform, packages, record })

  const readiness: Effect.Effect<Response> = Effect.gen(function* () {
    if (lifecycle.isDraining()) return plainText(503, "shutting down\n")
    const status = yield* credentials.status
    if (!status.synced) return plainText(503, `not ready: waiting for ${status.waitingFor.join(", ")}\n`)
    return plainText(200, (yield* cache.degraded) ? "degraded: cache\n" : "ok\n")
  })

  const metrics: Effect.Effect<Response> = Effect.map(PrometheusMetrics.format(), (text) =>
    plainText(200, text, "text/plain; version=0.0.4; charset=utf-8")
  )

  const answer = (
    request: HttpServerRequest.HttpServerRequest,
    query: string,
    exchange: Exchange,
    gate: Gate | undefined
  ): Effect.Effect<Response, never, Scope.Scope> => {
    const problem = (problem: Problem.Problem) =>
      Effect.succeed(Problem.toResponse(problem, exchange.requestId))
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
    const problem = (problem: Problem.Problem) =>
      Effect.succeed(Problem.toResponse(problem, exchange.requestId))
    if (request.method !== "GET" && request.method !== "HEAD") return problem(Problem.methodNotAllowed)
    switch (route) {
      case "healthz":
        return Effect.succeed(plainText(200, "ok\n"))
      case "readyz":
        return readiness
      case "metrics":
        return metrics
      case "package":
        if (lifecycle.isDraining()) return problem(Problem.shuttingDown)
        if (lifecycle.underWay() > packages) return problem(Problem.tooManyRequests)
        return answerPackage(request, query, exchange)
    }
  }

  const failed = (exchange: Exchange, cause: unknown): Effect.Effect<Response> =>
    Effect.logError("a request failed", cause).pipe(
      Effect.annotateLogs({ requestId: exchange.requestId }),
      Effect.as(Problem.toResponse(Problem.internal, exchange.requestId))
    )

  const respond = Effect.fnUntraced(function* (gate: Gate | undefined) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const began = yield* Clock.currentTimeMillis
    const { path, query } = RequestTarget.parse(NodeMessages.incoming(request).url ?? "")
    const exchange = Exchanges.make(Exchanges.routeOf(path), NodeMessages.incoming(request))
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
        Effect.withFiber((fiber) =>
          Effect.sync(() => {
            const { headersSent, statusCode } = NodeMessages.outgoing(request)
            const isBroken = exit._tag === "Failure" && headersSent
            if (isBroken) exchange.aborted = true
            const status =
              exit._tag === "Success" ? exit.value.status : isBroken ? statusCode : clientClosedRequest
            record({ method: request.method, exchange, status, began, span: fiber.cache.span })
          })
        )
      )
    )
    return yield* exchange.route === "package" ? lifecycle.track(request, answered) : answered
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
