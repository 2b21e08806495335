import type { ISerializer } from "@opentelemetry/otlp-transformer"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { isReadableFinishedSpan, type ReadableFinishedSpan } from "./FinishedSpanRecorder.ts"
import * as SpanTemplate from "./SpanTemplate.ts"

/** An export request with the spans. All finished spans have the same resource and scope. */
const requestOf = (
  templates: ReadonlyArray<SpanTemplate.SpanTemplate>,
  spans: ReadonlyArray<ReadableFinishedSpan>
): Uint8Array => {
  const [{ resource, scope } = { resource: Buffer.of(), scope: Buffer.of() }] = templates
  const length = templates.reduce((sum, { span }) => sum + span.length, 0)
  const scopeHeader = SpanTemplate.header(2, scope.length + length)
  const inScope = scopeHeader.length + scope.length + length
  const resourceHeader = SpanTemplate.header(1, resource.length + inScope)
  const head = Buffer.concat([resourceHeader, resource, scopeHeader, scope])
  const request = Buffer.allocUnsafe(head.length + length)
  head.copy(request)
  let at = head.length
  for (const [index, template] of templates.entries()) {
    const span = spans[index]
    if (span !== undefined) at = SpanTemplate.write(template, span.idsAndTimes, request, at)
  }
  return request
}

/**
 * Wraps OpenTelemetry's serializer. Of finished spans with the same attributes it serializes the first one only, and
 * copies its bytes with other ids and times for the rest. Concatenated protobuf requests are one request.
 */
export const make = <Response>(
  serializer: ISerializer<Array<ReadableSpan>, Response>
): ISerializer<Array<ReadableSpan>, Response> => {
  const templates = new WeakMap<object, SpanTemplate.SpanTemplate>()

  const templateOf = (span: ReadableFinishedSpan): SpanTemplate.SpanTemplate | undefined => {
    const cached = templates.get(span.attributes)
    const hasParent = span.parentSpanContext !== undefined
    if (cached !== undefined && (cached.parentId !== undefined) === hasParent) return cached
    const bytes = serializer.serializeRequest([span])
    if (bytes === undefined) return undefined
    const template = SpanTemplate.make(bytes)
    templates.set(span.attributes, template)
    return template
  }

  return {
    deserializeResponse: (data) => serializer.deserializeResponse(data),
    serializeRequest: (spans) => {
      const used: Array<SpanTemplate.SpanTemplate> = []
      const finished: Array<ReadableFinishedSpan> = []
      const others: Array<ReadableSpan> = []
      for (const span of spans) {
        // A trace state varies in length, so it has no template.
        const template =
          isReadableFinishedSpan(span) && span.spanContext().traceState === undefined
            ? templateOf(span)
            : undefined
        if (template === undefined) others.push(span)
        else {
          used.push(template)
          finished.push(span as ReadableFinishedSpan)
        }
      }
      if (finished.length === 0) return serializer.serializeRequest(spans)
      const request = requestOf(used, finished)
      const rest = others.length === 0 ? undefined : serializer.serializeRequest(others)
      return rest === undefined ? request : Buffer.concat([request, rest])
    }
  }
}
