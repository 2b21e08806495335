import type { ISerializer } from "@opentelemetry/otlp-transformer"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { type Finished, isFinished } from "./FinishedSpan.ts"
import * as SpanTemplate from "./SpanTemplate.ts"

/** All finished spans of one request are of one resource and scope. */
const requestOf = (
  templates: ReadonlyArray<SpanTemplate.SpanTemplate>,
  spans: ReadonlyArray<Finished>
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
    if (span !== undefined) at = SpanTemplate.write(template, span.difference, request, at)
  }
  return request
}

/**
 * OpenTelemetry's serializer, which writes of many finished spans with the same attributes only the first: the others are its bytes
 * with other ids and times. Requests one after another are one request in protobuf.
 */
export const make = <Response>(
  serializer: ISerializer<Array<ReadableSpan>, Response>
): ISerializer<Array<ReadableSpan>, Response> => {
  const known = new WeakMap<object, SpanTemplate.SpanTemplate>()

  const templateOf = (span: Finished): SpanTemplate.SpanTemplate | undefined => {
    const present = known.get(span.attributes)
    const hasParent = span.parentSpanContext !== undefined
    if (present !== undefined && (present.parentId !== undefined) === hasParent) return present
    const bytes = serializer.serializeRequest([span])
    if (bytes === undefined) return undefined
    const made = SpanTemplate.make(bytes)
    known.set(span.attributes, made)
    return made
  }

  return {
    deserializeResponse: (data) => serializer.deserializeResponse(data),
    serializeRequest: (spans) => {
      const templates: Array<SpanTemplate.SpanTemplate> = []
      const finished: Array<Finished> = []
      const others: Array<ReadableSpan> = []
      for (const span of spans) {
        // A state of the trace has a length of its own.
        const template =
          isFinished(span) && span.spanContext().traceState === undefined ? templateOf(span) : undefined
        if (template === undefined) others.push(span)
        else {
          templates.push(template)
          finished.push(span as Finished)
        }
      }
      if (finished.length === 0) return serializer.serializeRequest(spans)
      const request = requestOf(templates, finished)
      const rest = others.length === 0 ? undefined : serializer.serializeRequest(others)
      return rest === undefined ? request : Buffer.concat([request, rest])
    }
  }
}
