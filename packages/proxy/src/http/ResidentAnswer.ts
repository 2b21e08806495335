import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as DigestCacheLive from "@registry-packages-proxy/digest-cache/DigestCacheLive"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Clock, Context, Effect, Exit, Option, Result, Tracer } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import type { Gate } from "./Access.ts"
import * as Exchange from "./Exchange.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { packageHeaders } from "./PackageHeaders.ts"
import * as PackageQuery from "./PackageQuery.ts"
import type { Recorder } from "./Recorder.ts"
import * as RequestHead from "./RequestHead.ts"
import * as RequestTarget from "./RequestTarget.ts"

/** Answers a request if that needs no waiting; false, and nothing done, where it does. */
export type AtOnce = (request: IncomingMessage, response: ServerResponse) => boolean

/** Headers that ask for more than the whole package, announce a body, or that only the application reads. */
const unusual = [
  "range",
  "if-none-match",
  "content-length",
  "transfer-encoding",
  "expect",
  "upgrade"
] as const

const isUsual = (request: IncomingMessage): boolean =>
  request.method === "GET" &&
  unusual.every((name) => request.headers[name] === undefined) &&
  RequestHead.problemOf(request) === undefined

/** The span of the caller that a trace goes on from (W3C Trace Context, or B3). */
const parentOf = (headers: IncomingHttpHeaders): Option.Option<Tracer.AnySpan> =>
  "traceparent" in headers || "b3" in headers || "x-b3-traceid" in headers
    ? HttpTraceContext.fromHeaders(Headers.fromInput(headers))
    : Option.none()

/** How many targets' digests are known by heart, and the longest of them, in characters. */
const remembered = { targets: 1024, length: 512 }

/** What is asked for by a target that asks for a package, and for nothing wrong; many ask for the same few. */
const makeDigestOf = (): ((target: string) => Digest | undefined) => {
  const known = new Map<string, Digest>()
  return (target) => {
    const digest = known.get(target)
    if (digest !== undefined) return digest
    const { path, query } = RequestTarget.parse(target)
    if (Exchange.routeOf(path) !== "package") return undefined
    const parsed = PackageQuery.parse(query)
    if (Result.isFailure(parsed)) return undefined
    if (known.size >= remembered.targets) known.clear()
    if (target.length <= remembered.length) known.set(target, parsed.success.digest)
    return parsed.success.digest
  }
}

/**
 * Answers small packages that are in memory straight on Node's response, for callers whose access is known. A fiber and
 * Effect's server would take several times as long as all the rest. Whatever else is asked is the application's, which
 * would answer these the same.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly platform: Platform
  /** The most packages being sent at a time. */
  readonly packages: number
  readonly record: Recorder
}) {
  const { packages, platform, record } = options
  const cache = yield* DigestCache
  const lifecycle = yield* Lifecycle
  const clock = yield* Clock.Clock
  const tracer = yield* Tracer.Tracer
  const digestOf = makeDigestOf()

  // As Effect's server does: nobody would see the native tracer's.
  const startSpan = (headers: IncomingHttpHeaders): Tracer.Span | undefined => {
    if (tracer === Tracer.nativeTracer) return undefined
    const parent = parentOf(headers)
    return tracer.span({
      name: "GET",
      kind: "server",
      parent,
      root: Option.isNone(parent),
      sampled: Option.isNone(parent) || parent.value.sampled,
      annotations: Context.empty(),
      links: [],
      startTime: clock.currentTimeNanosUnsafe()
    })
  }

  return (gate: Gate | undefined): AtOnce =>
    (request, response) => {
      if (!isUsual(request)) return false
      const digest = digestOf(request.url ?? "")
      if (digest === undefined) return false
      if (lifecycle.isDraining() || lifecycle.underWay() >= packages) return false
      const user = gate?.known(request, "package")
      if (gate !== undefined && user === undefined) return false
      const resident = DigestCacheLive.inMemory(cache, { digest, platform })
      if (resident === undefined) {
        if (user !== undefined) gate?.admit(request, user)
        return false
      }
      const began = clock.currentTimeMillisUnsafe()
      const span = startSpan(request.headers)
      const { bytes, descriptor } = resident
      lifecycle.sending(response)
      response.writeHead(
        200,
        packageHeaders({ digest, descriptor, result: "memory", acceptsRanges: true, range: undefined })
      )
      response.end(bytes)
      const exchange = Exchange.make("package", request)
      exchange.user = user
      exchange.cache = "memory"
      exchange.bytes = bytes.length
      record({ method: "GET", exchange, status: 200, began, span })
      if (span?.sampled === true) {
        span.attribute("http.request.method", "GET")
        span.attribute("http.response.status_code", 200)
      }
      span?.end(clock.currentTimeNanosUnsafe(), Exit.void)
      return true
    }
})
