import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Cause, Clock, Effect, Metric, type Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import * as Metrics from "../metrics/Metrics.ts"
import * as OpenMetrics from "../metrics/OpenMetrics.ts"
import * as ProcessMetrics from "../metrics/ProcessMetrics.ts"
import { MetricRefreshers } from "../metrics/MetricRefreshers.ts"
import type { AccessControl } from "./access/AccessControl.ts"
import { GracefulShutdown } from "./request/GracefulShutdown.ts"
import { httpLimits } from "./request/HttpLimits.ts"
import * as NodeMessages from "./request/NodeMessages.ts"
import * as MemoryFastPath from "./MemoryFastPath.ts"
import * as PackageHandler from "./package/PackageHandler.ts"
import * as Problem from "./request/Problem.ts"
import * as RequestHead from "./request/RequestHead.ts"
import * as RequestLog from "./request/RequestLog.ts"
import * as RequestMetrics from "./request/RequestMetrics.ts"
import * as RequestRecord from "./request/RequestRecord.ts"
import * as RequestTarget from "./request/RequestTarget.ts"
import { labelOf, type RouteName, routes } from "./request/Routes.ts"
import * as ServerSpans from "./request/ServerSpans.ts"
import * as UnreadRequest from "./request/UnreadRequest.ts"

type Response = HttpServerResponse.HttpServerResponse

/**
 * The status that logs and metrics record if the client disconnects before the response begins. It is never sent.
 */
const clientClosedRequest = 499

const plainText = (status: number, text: string, contentType = "text/plain; charset=utf-8"): Response =>
  HttpServerResponse.text(text, { status, contentType, headers: Problem.noStoreHeader })

/** The handlers of a listener's requests. The listener tries the fast path first, then the handler. */
export interface Handlers {
  readonly fastPath: MemoryFastPath.FastPath
  readonly handler: Effect.Effect<Response, never, HttpServerRequest.HttpServerRequest | Scope.Scope>
}

/** The paths of all routes with their queries, for the text of the 404 response. */
const paths = Object.values(routes).map(({ path, query }) => path + query)

/**
 * Answers a request for one route. The method of the request is already checked. On the secure port, the authorization
 * of the client is already checked too.
 */
type RouteHandler = (
  request: HttpServerRequest.HttpServerRequest,
  query: string,
  record: RequestRecord.RequestRecord
) => Effect.Effect<Response, never, Scope.Scope>

/** Makes the HTTP API that all listeners share. It counts every request, and logs every request except probes. */
export const make = Effect.fnUntraced(function* (options: {
  readonly platform: Platform
  /**
   * Maximum number of package requests in progress on all listeners together. The default is `httpLimits.maxPackages`.
   */
  readonly maxPackages?: number
}) {
  const { maxPackages = httpLimits.maxPackages } = options
  const cache = yield* DigestCache
  const credentials = yield* CredentialStore
  const gracefulShutdown = yield* GracefulShutdown
  const answerPackage = yield* PackageHandler.make(options.platform)
  const { exemplars, measure } = yield* RequestMetrics.make
  const updateProcessMetrics = yield* ProcessMetrics.make
  const log = yield* RequestLog.make(measure)
  const spans = yield* ServerSpans.make
  const fastPath = yield* MemoryFastPath.make({ platform: options.platform, maxPackages, log })

  const readiness: Effect.Effect<Response> = Effect.gen(function* () {
    if (gracefulShutdown.isDraining()) return plainText(503, "shutting down\n")
    const status = yield* credentials.status
    if (!status.synced) return plainText(503, `not ready: waiting for ${status.waitingFor.join(", ")}\n`)
    return plainText(200, (yield* cache.degraded) ? "degraded: cache\n" : "ok\n")
  })

  const isReady = Effect.map(credentials.status, ({ synced }) => synced && !gracefulShutdown.isDraining())

  const refresh = Effect.andThen(
    updateProcessMetrics,
    Effect.flatMap(isReady, (ready) => Metric.update(Metrics.ready, ready ? 1 : 0))
  )
  const refreshes = yield* MetricRefreshers
  refreshes?.add(refresh)

  const metrics = (accept: string | undefined): Effect.Effect<Response> =>
    Effect.gen(function* () {
      yield* refresh
      const text = yield* PrometheusMetrics.format()
      return OpenMetrics.isPreferred(accept)
        ? plainText(200, OpenMetrics.fromPrometheus(text, exemplars), OpenMetrics.contentType)
        : plainText(200, text, "text/plain; version=0.0.4; charset=utf-8")
    })

  const problemFor = (record: RequestRecord.RequestRecord) => (problem: Problem.Problem) =>
    Effect.sync(() => {
      record.error = problem.error
      return Problem.toResponse(problem, record.requestId)
    })

  const answer = (
    request: HttpServerRequest.HttpServerRequest,
    query: string,
    record: RequestRecord.RequestRecord,
    accessControl: AccessControl | undefined
  ): Effect.Effect<Response, never, Scope.Scope> => {
    const problem = problemFor(record)
    const malformed = RequestHead.problemOf(NodeMessages.nodeRequest(request))
    if (malformed !== undefined) return problem(malformed)
    const { route } = record
    if (route === "unknown") return problem(Problem.unknownPath(paths))
    if (accessControl === undefined) return admitted(request, route, query, record)
    return Effect.flatMap(accessControl.check(NodeMessages.nodeRequest(request), route, record), (refusal) =>
      refusal === undefined ? admitted(request, route, query, record) : problem(refusal)
    )
  }

  const handlers: Readonly<Record<RouteName, RouteHandler>> = {
    healthz: () => Effect.succeed(plainText(200, "ok\n")),
    readyz: () => readiness,
    metrics: (request) => metrics(request.headers["accept"]),
    package: (request, query, record) => {
      if (gracefulShutdown.isDraining()) return problemFor(record)(Problem.shuttingDown)
      if (gracefulShutdown.inProgress() > maxPackages) return problemFor(record)(Problem.tooManyInProgress)
      return answerPackage(request, query, record)
    }
  }

  /** Calls the route's handler, or responds with 405 if the route does not allow the request's method. */
  const admitted = (
    request: HttpServerRequest.HttpServerRequest,
    route: RouteName,
    query: string,
    record: RequestRecord.RequestRecord
  ): Effect.Effect<Response, never, Scope.Scope> => {
    const { methods } = routes[route]
    return methods.some((method) => method === request.method)
      ? handlers[route](request, query, record)
      : problemFor(record)(Problem.methodNotAllowed(methods))
  }

  const failed = (record: RequestRecord.RequestRecord, defect: unknown): Effect.Effect<Response> => {
    record.cause = Cause.die(defect)
    return problemFor(record)(Problem.internalError)
  }

  const respond = Effect.fnUntraced(function* (accessControl: AccessControl | undefined) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const startMillis = yield* Clock.currentTimeMillis
    const { path, query } = RequestTarget.parse(NodeMessages.nodeRequest(request).url ?? "")
    const record = RequestRecord.make(labelOf(path), NodeMessages.nodeRequest(request))
    const span = spans.begin(NodeMessages.nodeRequest(request), record)
    // Suspended, so that a defect in `answer` is caught and the request is still counted.
    const answered = Effect.suspend(() => answer(request, query, record, accessControl)).pipe(
      Effect.catchDefect((defect) => failed(record, defect)),
      Effect.map((response) => {
        const { body } = response
        if (body._tag === "Uint8Array" && request.method !== "HEAD") record.bytes = body.contentLength
        // The secure port closes the connections of unauthenticated callers, which could otherwise use up all
        // connections.
        return accessControl !== undefined && record.user === undefined
          ? HttpServerResponse.setHeader(response, "connection", "close")
          : gracefulShutdown.closeWhenDraining(response)
      }),
      // Effect's server runs handlers uninterruptibly, but a client that disconnects must end its request.
      Effect.interruptible,
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const { headersSent, statusCode } = NodeMessages.nodeResponse(request)
          const isBroken = exit._tag === "Failure" && headersSent
          if (isBroken) record.aborted = true
          const status =
            exit._tag === "Success" ? exit.value.status : isBroken ? statusCode : clientClosedRequest
          log({ method: request.method, record, status, startMillis, span })
          spans.end(span, record, status)
        })
      )
    )
    const traced =
      span === undefined ? answered : Effect.withParentSpan(answered, span, { captureStackTrace: false })
    return yield* record.route === "package" ? gracefulShutdown.track(request, traced) : traced
  })

  const handlersFor = (accessControl: AccessControl | undefined): Handlers => ({
    handler: respond(accessControl),
    fastPath: fastPath(accessControl)
  })

  return {
    /** The handlers of the plain listener, without access control. */
    plainHandlers: handlersFor(undefined),
    /**
     * Makes the handlers of the secure listener. A route's handler is called only if `accessControl` allows the
     * request.
     */
    secureHandlers: (accessControl: AccessControl) => handlersFor(accessControl),
    /** Counts, logs and traces a request that a listener rejected before the application received it. */
    recordUnread: yield* UnreadRequest.makeRecorder(log, spans)
  }
})

export type Application = Effect.Success<ReturnType<typeof make>>
