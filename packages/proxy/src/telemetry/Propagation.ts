import { Context, Option, Tracer } from "effect"

/**
 * Returns the caller's span, which the caller of the HTTP API sent in the header field `traceparent`. None if there is
 * no valid `traceparent`.
 */
export type ExtractCallerSpan = (
  headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
) => Option.Option<Tracer.ExternalSpan>

/** The fields of a `traceparent` header (W3C Trace Context). */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

const format = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const zeros = /^0+$/

/**
 * Parses a `traceparent` header. Returns undefined if it is missing or not valid. In a header of a newer version, reads
 * only the fields of version 00. Source: W3C Trace Context, section 3.2.
 */
export const parseTraceParent = (header: string | undefined): TraceParent | undefined => {
  const [, version, traceId = "", spanId = "", flags = "", more] = format.exec(header ?? "") ?? []
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined
  return zeros.test(traceId) || zeros.test(spanId)
    ? undefined
    : { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

/** Returns the value of a header field if it is a single text. Undefined if it is missing or an array. */
export const singleValue = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" ? value : undefined

/**
 * Extracts the caller's span, which becomes the parent of the request's span. If the program records no spans, the ids
 * of the caller's span are used for log lines only.
 */
export const CallerSpanExtractor = Context.Reference<ExtractCallerSpan>(
  "@registry-packages-proxy/proxy/telemetry/CallerSpanExtractor",
  {
    defaultValue: () => (headers) =>
      Option.map(
        Option.fromUndefinedOr(parseTraceParent(singleValue(headers["traceparent"]))),
        ({ flags, spanId, traceId }) => Tracer.externalSpan({ traceId, spanId, sampled: (flags & 1) === 1 })
      )
  }
)
