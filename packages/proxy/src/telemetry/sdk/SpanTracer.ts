import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { type Span, SpanStatusCode, type Tracer as SdkTracer } from "@opentelemetry/api"
import { Effect, Tracer } from "effect"
import { errorTypeOf } from "../ErrorType.ts"

/**
 * The span as semantic conventions want it: unset where nothing failed, not "ok", which is for operators to say; and the
 * failure is its `error.type` and status, not an event with a stack trace.
 */
const plain = (span: Span): Span => {
  const setStatus = span.setStatus.bind(span)
  span.setStatus = (status) => (status.code === SpanStatusCode.ERROR ? setStatus(status) : span)
  span.recordException = () => {}
  return span
}

const plainTracer = (tracer: SdkTracer): SdkTracer => ({
  startSpan: (name, options, context) => {
    const span = tracer.startSpan(name, options, context)
    return span.isRecording() ? plain(span) : span
  },
  startActiveSpan: tracer.startActiveSpan.bind(tracer)
})

/**
 * Effect's tracer over an SDK's. Each span that fails has its error's type. Nothing of Effect runs inside OpenTelemetry's own
 * context, which no library here looks at and which would cost on each step of each fiber.
 */
export const make = (tracer: SdkTracer): Effect.Effect<Tracer.Tracer> =>
  OtelTracer.make.pipe(
    Effect.provideService(OtelTracer.OtelTracer, plainTracer(tracer)),
    Effect.map((otel) =>
      Tracer.make({
        span: (options) => {
          const span = otel.span(options)
          if (!span.sampled) return span
          const end = span.end.bind(span)
          span.end = (time, exit) => {
            const type = span.attributes.has("error.type") ? undefined : errorTypeOf(exit)
            if (type !== undefined) span.attribute("error.type", type)
            end(time, exit)
          }
          return span
        }
      })
    )
  )
