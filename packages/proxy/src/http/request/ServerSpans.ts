import { Clock, Context, Effect, Exit, Option, Tracer } from "effect"
import type { IncomingMessage } from "node:http"
import { FinishedSpans } from "../../telemetry/FinishedSpans.ts"
import { Propagation } from "../../telemetry/Propagation.ts"
import type { RequestRecord } from "./RequestRecord.ts"
import { routeOf } from "./Routes.ts"

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

/** Gives requests their server spans. */
export interface ServerSpans {
  /**
   * Begins the span of a request, under its caller's where it names one; none for a probe. Where nothing is traced it is the
   * caller's own, for the log.
   */
  readonly begin: (request: IncomingMessage, record: RequestRecord) => Tracer.AnySpan | undefined
  /** Ends it with what is known of the request. */
  readonly end: (span: Tracer.AnySpan | undefined, record: RequestRecord, status: number) => void
  /** The span of a GET that was answered with a package at once, begun at a time in nanoseconds since the epoch. */
  readonly answered: (
    request: IncomingMessage,
    record: RequestRecord,
    status: number,
    began: bigint
  ) => Tracer.AnySpan | undefined
  /** True where somebody looks at spans: only then their begin is worth knowing. */
  readonly isOn: boolean
}

/** The failure that a span of a response ends with, of 5xx or broken off. */
const exitOf = ({ aborted, error }: RequestRecord, status: number): Exit.Exit<void, string> =>
  status >= 500 || aborted ? Exit.fail(error ?? `answered ${status}`) : Exit.void

/** What is known of a request when it comes. */
const requestAttributes = (
  { httpVersion, method, socket }: IncomingMessage,
  { clientAddress, route }: RequestRecord
): Record<string, string | number> => {
  const attributes: Record<string, string | number> = {
    "http.request.method": methods.has(method ?? "") ? (method ?? "") : "_OTHER",
    "url.scheme": "encrypted" in socket ? "https" : "http",
    "network.protocol.version": httpVersion
  }
  // A path that is none of ours is the client's own text, and in no span.
  const path = routeOf(route)?.path
  if (path !== undefined) {
    attributes["http.route"] = path
    attributes["url.path"] = path
  }
  if (socket.localAddress !== undefined) attributes["server.address"] = socket.localAddress
  if (socket.localPort !== undefined) attributes["server.port"] = socket.localPort
  if (clientAddress !== undefined) attributes["client.address"] = clientAddress
  return attributes
}

/** What is known of it once it was answered. */
const answerAttributes = (
  { aborted, bytes, cache, error, query }: RequestRecord,
  status: number
): Record<string, string | number> => {
  const attributes: Record<string, string | number> = {
    "http.response.status_code": status,
    "registry_packages_proxy.package.bytes": bytes
  }
  if (query !== undefined) {
    attributes["registry_packages_proxy.package.digest"] = query.manifestDigest
    // Empty: the cluster's own registry.
    attributes["registry_packages_proxy.package.repository"] = Option.getOrElse(query.repository, () => "")
  }
  if (cache !== undefined) attributes["registry_packages_proxy.package.cache.result"] = cache
  if (status >= 500 || aborted) attributes["error.type"] = error ?? String(status)
  return attributes
}

/** An answer, and what its span told of it. */
interface Answered {
  readonly query: RequestRecord["query"]
  readonly bytes: number
  readonly status: number
  readonly attributes: Readonly<Record<string, string | number>>
}

const annotate = (span: Tracer.Span, attributes: Readonly<Record<string, string | number>>): void => {
  for (const name in attributes) span.attribute(name, attributes[name])
}

const nameOf = (method: string | undefined, route: RequestRecord["route"]): string => {
  const known = methods.has(method ?? "") ? (method ?? "") : "HTTP"
  const path = routeOf(route)?.path
  return path === undefined ? known : `${known} ${path}`
}

/** Source: OpenTelemetry semantic conventions, "HTTP server span". */
export const make: Effect.Effect<ServerSpans> = Effect.gen(function* () {
  const tracer = yield* Tracer.Tracer
  const clock = yield* Clock.Clock
  const extract = yield* Propagation
  const finished = yield* FinishedSpans
  // Nobody would see the native tracer's.
  const isOn = tracer !== Tracer.nativeTracer
  const parentOf = ({ headers }: IncomingMessage): Option.Option<Tracer.ExternalSpan> =>
    "traceparent" in headers ? extract(headers) : Option.none()

  const begin = (request: IncomingMessage, record: RequestRecord): Tracer.AnySpan | undefined => {
    const { route } = record
    if (routeOf(route)?.isProbe === true) return undefined
    const parent = parentOf(request)
    if (!isOn) return Option.getOrUndefined(parent)
    const span = tracer.span({
      name: nameOf(request.method, route),
      kind: "server",
      parent,
      root: Option.isNone(parent),
      sampled: Option.isNone(parent) || parent.value.sampled,
      annotations: Context.empty(),
      links: [],
      startTime: clock.currentTimeNanosUnsafe()
    })
    if (span.sampled) annotate(span, requestAttributes(request, record))
    return span
  }

  const end = (span: Tracer.AnySpan | undefined, record: RequestRecord, status: number): void => {
    if (span?._tag !== "Span") return
    if (span.sampled) annotate(span, answerAttributes(record, status))
    span.end(clock.currentTimeNanosUnsafe(), exitOf(record, status))
  }

  /** Of the last answer on a connection: the next is often the same, and its attributes then need not be written again. */
  const last = new WeakMap<object, Answered>()

  const attributesOf = (
    request: IncomingMessage,
    record: RequestRecord,
    status: number
  ): Readonly<Record<string, string | number>> => {
    const { bytes, query } = record
    const before = last.get(request.socket)
    if (
      before !== undefined &&
      before.query === query &&
      before.bytes === bytes &&
      before.status === status
    ) {
      return before.attributes
    }
    const attributes = { ...requestAttributes(request, record), ...answerAttributes(record, status) }
    last.set(request.socket, { query, bytes, status, attributes })
    return attributes
  }

  const answered: ServerSpans["answered"] = (request, record, status, began) => {
    if (!isOn || finished === undefined) {
      const span = begin(request, record)
      end(span, record, status)
      return span
    }
    return finished({
      name: "GET /package",
      parent: Option.getOrUndefined(parentOf(request)),
      startTime: began,
      endTime: clock.currentTimeNanosUnsafe(),
      attributes: attributesOf(request, record, status)
    })
  }

  return { begin, end, answered, isOn }
})
