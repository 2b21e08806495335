import { Clock, Context, Effect, Exit, Option, Tracer } from "effect"
import type { IncomingMessage } from "node:http"
import { RecordEndedSpan } from "../../telemetry/EndedServerSpan.ts"
import { CallerSpanExtractor } from "../../telemetry/Propagation.ts"
import type { RequestRecord } from "./RequestRecord.ts"
import { routeOf } from "./Routes.ts"

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

/** The head of a request. If the head was not read, `headers` is empty, and only the connection is known. */
export type RequestHead = Pick<IncomingMessage, "headers" | "socket"> &
  Partial<Pick<IncomingMessage, "httpVersion" | "method">>

/** Creates the server spans of requests. The client's span is the span that the client sent in `traceparent`. */
export interface ServerSpans {
  /**
   * Starts the span of a request. Its parent is the client's span, if the request has a valid `traceparent`. Returns
   * undefined for a probe. If the program records no spans, returns the client's span, so that the log line has its
   * ids.
   */
  readonly begin: (request: RequestHead, record: RequestRecord) => Tracer.AnySpan | undefined
  /**
   * Adds attributes from the record to the span that `begin` started, and ends this span. Does nothing if `span` is
   * undefined or is the span that the client sent in `traceparent`.
   */
  readonly end: (span: Tracer.AnySpan | undefined, record: RequestRecord, status: number) => void
  /**
   * Records the span of a package request that the fast path has answered, and returns the span for the log line. If
   * the program records no spans, returns the client's span, or undefined if there is none. `startNanos` is the time at
   * which the request arrived, in nanoseconds since the epoch.
   */
  readonly recordEnded: (
    request: IncomingMessage,
    record: RequestRecord,
    status: number,
    startNanos: bigint
  ) => Tracer.AnySpan | undefined
  /** True if spans are recorded. If false, `recordEnded` ignores `startNanos`. */
  readonly isRecording: boolean
}

/** Returns the exit with which a span ends. It is a failure if the status is 5xx or the response was aborted. */
const exitOf = ({ aborted, error }: RequestRecord, status: number): Exit.Exit<void, string> =>
  status >= 500 || aborted ? Exit.fail(error ?? `answered ${status}`) : Exit.void

/** Returns the span's attributes that are known when a request arrives. */
const requestAttributes = (
  { httpVersion, method, socket }: RequestHead,
  { clientAddress, route }: RequestRecord
): Record<string, string | number> => {
  const attributes: Record<string, string | number> = {
    "http.request.method": methods.has(method ?? "") ? (method ?? "") : "_OTHER",
    "url.scheme": "encrypted" in socket ? "https" : "http"
  }
  if (httpVersion !== undefined) attributes["network.protocol.version"] = httpVersion
  // An unknown path is text from the client, which must not be in a span.
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

/** Returns the span's attributes that are known when the request is answered. */
const responseAttributes = (
  { aborted, bytes, cacheResult, error, query }: RequestRecord,
  status: number
): Record<string, string | number> => {
  const attributes: Record<string, string | number> = {
    "http.response.status_code": status,
    "registry_packages_proxy.package.bytes": bytes
  }
  if (query !== undefined) {
    attributes["registry_packages_proxy.package.digest"] = query.manifestDigest
    // An empty value means the cluster's own registry.
    attributes["registry_packages_proxy.package.repository"] = Option.getOrElse(query.repository, () => "")
  }
  if (cacheResult !== undefined) attributes["registry_packages_proxy.package.cache.result"] = cacheResult
  if (status >= 500 || aborted) attributes["error.type"] = error ?? String(status)
  return attributes
}

/** The attributes of a request's span, and the values from which they were computed. */
interface AnsweredRequest {
  readonly query: RequestRecord["query"]
  readonly bytes: number
  readonly status: number
  readonly attributes: Readonly<Record<string, string | number>>
}

const annotate = (span: Tracer.Span, attributes: Readonly<Record<string, string | number>>): void => {
  for (const name in attributes) span.attribute(name, attributes[name])
}

const nameOf = (method: string | undefined, route: RequestRecord["route"]): string => {
  const name = methods.has(method ?? "") ? (method ?? "") : "HTTP"
  const path = routeOf(route)?.path
  return path === undefined ? name : `${name} ${path}`
}

/** Makes the server spans of requests. Source: OpenTelemetry semantic conventions, "HTTP server span". */
export const make: Effect.Effect<ServerSpans> = Effect.gen(function* () {
  const tracer = yield* Tracer.Tracer
  const clock = yield* Clock.Clock
  const extract = yield* CallerSpanExtractor
  const recordSpan = yield* RecordEndedSpan
  // Nothing reads the spans of the native tracer.
  const isRecording = tracer !== Tracer.nativeTracer
  const parentOf = ({ headers }: RequestHead): Option.Option<Tracer.ExternalSpan> =>
    "traceparent" in headers ? extract(headers) : Option.none()

  const begin = (request: RequestHead, record: RequestRecord): Tracer.AnySpan | undefined => {
    const { route } = record
    if (routeOf(route)?.isProbe === true) return undefined
    const parent = parentOf(request)
    if (!isRecording) return Option.getOrUndefined(parent)
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
    if (span.sampled) annotate(span, responseAttributes(record, status))
    span.end(clock.currentTimeNanosUnsafe(), exitOf(record, status))
  }

  /**
   * The last answered request of each connection. If the next request of the connection has the same query, number of
   * bytes and status, the span of the next request gets the same attributes.
   */
  const lastOfConnection = new WeakMap<object, AnsweredRequest>()

  const attributesOf = (
    request: IncomingMessage,
    record: RequestRecord,
    status: number
  ): Readonly<Record<string, string | number>> => {
    const { bytes, query } = record
    const last = lastOfConnection.get(request.socket)
    if (last !== undefined && last.query === query && last.bytes === bytes && last.status === status) {
      return last.attributes
    }
    const attributes = { ...requestAttributes(request, record), ...responseAttributes(record, status) }
    lastOfConnection.set(request.socket, { query, bytes, status, attributes })
    return attributes
  }

  const recordEnded: ServerSpans["recordEnded"] = (request, record, status, startNanos) => {
    if (!isRecording || recordSpan === undefined) {
      const span = begin(request, record)
      end(span, record, status)
      return span
    }
    return recordSpan({
      name: "GET /package",
      parent: Option.getOrUndefined(parentOf(request)),
      startTime: startNanos,
      endTime: clock.currentTimeNanosUnsafe(),
      attributes: attributesOf(request, record, status)
    })
  }

  return { begin, end, recordEnded, isRecording }
})
