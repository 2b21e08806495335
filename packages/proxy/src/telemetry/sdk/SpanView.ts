import { SpanStatusCode } from "@opentelemetry/api"
import { hrTimeToMilliseconds } from "@opentelemetry/core"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import type { SpanView } from "../SpanTree.ts"

/** Converts a span of OpenTelemetry's SDK to the input of `SpanTree.render`. */
export const spanViewOf = (span: ReadableSpan): SpanView => ({
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentId: span.parentSpanContext?.spanId,
  name: span.name,
  startMillis: hrTimeToMilliseconds(span.startTime),
  durationMillis: hrTimeToMilliseconds(span.duration),
  error: span.status.code === SpanStatusCode.ERROR ? (span.status.message ?? "") : undefined,
  attributes: span.attributes,
  events: span.events.map(({ attributes, name }) => ({ name, attributes: attributes ?? {} })),
  links: span.links.map(({ context }) => context.spanId)
})
