import { Clock, Context, Effect, Exit, Option, Tracer } from "effect"
import type { IncomingMessage } from "node:http"
import { Propagation } from "../telemetry/Propagation.ts"
import type { Exchange } from "./Exchange.ts"

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

/** The route's path; a path that is none of ours is the client's own text, and in no span. */
const paths = {
  package: "/package",
  healthz: "/healthz",
  readyz: "/readyz",
  metrics: "/metrics",
  unknown: undefined
} as const

/** Gives requests their server spans. */
export interface ServerSpans {
  /**
   * Begins the span of a request, under its caller's where it names one; none for a probe. Where nothing is traced it is the
   * caller's own, for the log.
   */
  readonly begin: (request: IncomingMessage, exchange: Exchange) => Tracer.AnySpan | undefined
  /** Ends it with what is known of the request. */
  readonly end: (span: Tracer.AnySpan | undefined, exchange: Exchange, status: number) => void
}

/** The failure that a span of a response ends with, of 5xx or broken off. */
const exitOf = ({ aborted, error }: Exchange, status: number): Exit.Exit<void, string> =>
  status >= 500 || aborted ? Exit.fail(error ?? `answered ${status}`) : Exit.void

/** Source: OpenTelemetry semantic conventions, "HTTP server span". */
export const make: Effect.Effect<ServerSpans> = Effect.gen(function* () {
  const tracer = yield* Tracer.Tracer
  const clock = yield* Clock.Clock
  const extract = yield* Propagation
  const parentOf = ({ headers }: IncomingMessage): Option.Option<Tracer.ExternalSpan> =>
    "traceparent" in headers ? extract(headers) : Option.none()

  const begin = (
    request: IncomingMessage,
    { clientAddress, route }: Exchange
  ): Tracer.AnySpan | undefined => {
    if (route === "healthz" || route === "readyz") return undefined
    const parent = parentOf(request)
    // Nobody would see the native tracer's.
    if (tracer === Tracer.nativeTracer) return Option.getOrUndefined(parent)
    const path = paths[route]
    const known = methods.includes(request.method ?? "")
    const name = known ? (request.method ?? "") : "HTTP"
    const span = tracer.span({
      name: path === undefined ? name : `${name} ${path}`,
      kind: "server",
      parent,
      root: Option.isNone(parent),
      sampled: Option.isNone(parent) || parent.value.sampled,
      annotations: Context.empty(),
      links: [],
      startTime: clock.currentTimeNanosUnsafe()
    })
    if (!span.sampled) return span
    const { socket } = request
    span.attribute("http.request.method", known ? request.method : "_OTHER")
    if (path !== undefined) {
      span.attribute("http.route", path)
      span.attribute("url.path", path)
    }
    span.attribute("url.scheme", "encrypted" in socket ? "https" : "http")
    span.attribute("network.protocol.version", request.httpVersion)
    if (socket.localAddress !== undefined) span.attribute("server.address", socket.localAddress)
    if (socket.localPort !== undefined) span.attribute("server.port", socket.localPort)
    if (clientAddress !== undefined) span.attribute("client.address", clientAddress)
    return span
  }

  const end = (span: Tracer.AnySpan | undefined, exchange: Exchange, status: number): void => {
    if (span?._tag !== "Span") return
    if (span.sampled) {
      const { bytes, cache, error, query } = exchange
      span.attribute("http.response.status_code", status)
      if (query !== undefined) {
        span.attribute("registry_packages_proxy.package.digest", query.digest)
        // Empty: the cluster's own registry.
        span.attribute(
          "registry_packages_proxy.package.repository",
          Option.getOrElse(query.repository, () => "")
        )
      }
      if (cache !== undefined) span.attribute("registry_packages_proxy.package.cache.result", cache)
      span.attribute("registry_packages_proxy.package.bytes", bytes)
      if (status >= 500 || exchange.aborted) span.attribute("error.type", error ?? String(status))
    }
    span.end(clock.currentTimeNanosUnsafe(), exitOf(exchange, status))
  }

  return { begin, end }
})
