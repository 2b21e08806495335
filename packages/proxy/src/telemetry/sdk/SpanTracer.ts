import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { type Span, SpanStatusCode, type Tracer as SdkTracer } from "@opentelemetry/api"
import { Effect, Tracer } from "effect"
import { errorTypeOfExit } from "../ErrorType.ts"

/**
 * Changes a span to follow OpenTelemetry's semantic conventions. A successful span has no status, since `ok` is
 * reserved for operators. A failed span has an error status, but no event with a stack trace.
 */
const withConventions = (span: Span): Span => {
  const setStatus = span.setStatus.bind(span)
  span.setStatus = (status) => (status.code === SpanStatusCode.ERROR ? setStatus(status) : span)
  span.recordException = () => {}
  return span
}

const conventionalTracer = (tracer: SdkTracer): SdkTracer => ({
  startSpan: (name, options, context) => {
    const span = tracer.startSpan(name, options, context)
    return span.isRecording() ? withConventions(span) : span
  },
  startActiveSpan: tracer.startActiveSpan.bind(tracer)
})

/**
 * Makes an Effect tracer that creates spans with the tracer of an SDK. Failed spans have an `error.type`. Effects do
 * not run in OpenTelemetry's context. No library in this program reads that context, and setting it would cost time in
 * each step of each fiber.
 */
export const make = (tracer: SdkTracer): Effect.Effect<Tracer.Tracer> =>
  OtelTracer.make.pipe(
    Effect.provideService(OtelTracer.OtelTracer, conventionalTracer(tracer)),
    Effect.map((otel) =>
      Tracer.make({
        span: (options) => {
          const span = otel.span(options)
          if (!span.sampled) return span
          const end = span.end.bind(span)
          span.end = (time, exit) => {
            const type = span.attributes.has("error.type") ? undefined : errorTypeOfExit(exit)
            if (type !== undefined) span.attribute("error.type", type)
            end(time, exit)
          }
          return span
        }
      })
    )
  )
