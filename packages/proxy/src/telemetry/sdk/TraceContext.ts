import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { isSpanContextValid } from "@opentelemetry/api"
import { type Tracer, Option, Predicate } from "effect"
import { type ExtractCallerSpan, parseTraceParent, singleValue } from "../Propagation.ts"

/**
 * Maximum length of a `tracestate` header, in characters. A longer header is ignored. Source: W3C Trace Context,
 * section 3.3.1.5.
 */
const maxTraceState = 512

/**
 * Returns the caller's span from the header fields `traceparent` and `tracestate`. None without a valid `traceparent`.
 */
export const extract: ExtractCallerSpan = (headers) => {
  const parent = parseTraceParent(singleValue(headers["traceparent"]))
  if (parent === undefined) return Option.none()
  const traceState = singleValue(headers["tracestate"])
  return Option.some(
    OtelTracer.makeExternalSpan({
      traceId: parent.traceId,
      spanId: parent.spanId,
      traceFlags: parent.flags & 1,
      ...(traceState !== undefined && traceState.length <= maxTraceState ? { traceState } : {})
    })
  )
}

interface WithContext {
  readonly span: {
    readonly spanContext: () => { readonly traceState?: { readonly serialize: () => string } }
  }
}

const hasContext = (span: Tracer.AnySpan): span is Tracer.AnySpan & WithContext =>
  Predicate.hasProperty(span, "span")

/**
 * Returns the header fields that propagate a span to a server, `traceparent` and, if there is one, `tracestate`.
 * Returns no field if the span's ids are not valid.
 */
export const inject = (span: Tracer.AnySpan): Readonly<Record<string, string>> => {
  const { sampled, spanId, traceId } = span
  if (!isSpanContextValid({ traceId, spanId, traceFlags: 0 })) return {}
  const traceparent = `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`
  const state = hasContext(span) ? (span.span.spanContext().traceState?.serialize() ?? "") : ""
  return state === "" ? { traceparent } : { traceparent, tracestate: state }
}
