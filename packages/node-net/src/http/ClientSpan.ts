import { Clock, Effect, Exit, type Tracer } from "effect"

/**
 * The request properties that a client span records. Header fields and the query are left out, since they may be
 * secret.
 */
export interface TracedRequest {
  readonly method: string
  readonly url: Pick<URL, "protocol" | "hostname" | "port" | "pathname">
  /** The number of earlier attempts. Default: 0. */
  readonly resends?: number
}

const portOf = ({ port, protocol }: TracedRequest["url"]): number =>
  port === "" ? (protocol === "https:" ? 443 : 80) : Number(port)

const attributesOf = ({ method, resends = 0, url }: TracedRequest): Record<string, unknown> => {
  const { hostname, pathname, port, protocol } = url
  return {
    "http.request.method": method,
    "server.address": hostname.replace(/^\[|\]$/g, ""),
    "server.port": portOf(url),
    "url.full": `${protocol}//${hostname}${port === "" ? "" : `:${port}`}${pathname}`,
    ...(resends > 0 ? { "http.request.resend_count": resends } : {})
  }
}

/**
 * Sends a request in a client span. The span ends when the head of the response arrives, and fails if the status is at
 * least 400. Source: OpenTelemetry semantic conventions, "HTTP client span".
 */
export const clientSpan = <A extends { readonly status: number }, E, R>(
  request: TracedRequest,
  send: (span: Tracer.Span) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.useSpan(request.method, { kind: "client", attributes: attributesOf(request) }, (span) =>
    Effect.withParentSpan(send(span), span, { captureStackTrace: false }).pipe(
      Effect.tap(({ status }) => {
        span.attribute("http.response.status_code", status)
        if (status < 400) return Effect.void
        span.attribute("error.type", String(status))
        return Effect.map(Clock.currentTimeNanos, (now) => span.end(now, Exit.fail(`answered ${status}`)))
      })
    )
  )
