import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { type HrTime, type SpanContext, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api"
import type { InstrumentationScope } from "@opentelemetry/core"
import type { ISerializer } from "@opentelemetry/otlp-transformer"
import type { Resource } from "@opentelemetry/resources"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { Context, Tracer } from "effect"
import type { EndedServerSpan } from "../EndedServerSpan.ts"
import { RandomIds } from "./RandomIds.ts"
import type { IsSampled } from "./Sampler.ts"
import type { SpanQueue } from "./SpanQueue.ts"
import * as SpanTemplate from "./SpanTemplate.ts"

const nanosInSecond = 1_000_000_000n

const hrTime = (nanos: bigint): HrTime => [Number(nanos / nanosInSecond), Number(nanos % nanosInSecond)]

const none: Array<never> = []
const unset = { code: SpanStatusCode.UNSET }

/**
 * An ended span that OpenTelemetry's exporters can read. Converts `startTime`, `endTime` and `duration` to `HrTime`
 * only when an exporter reads these properties.
 */
export class ReadableEndedSpan implements ReadableSpan {
  readonly kind = SpanKind.SERVER
  readonly status = unset
  readonly links = none
  readonly events = none
  readonly ended = true
  readonly droppedAttributesCount = 0
  readonly droppedEventsCount = 0
  readonly droppedLinksCount = 0
  readonly resource: Resource
  readonly instrumentationScope: InstrumentationScope
  readonly parentSpanContext?: SpanContext
  readonly #span: EndedServerSpan
  readonly #context: SpanContext

  constructor(
    span: EndedServerSpan,
    context: SpanContext,
    parent: SpanContext | undefined,
    source: { readonly resource: Resource; readonly scope: InstrumentationScope }
  ) {
    this.#span = span
    this.#context = context
    this.resource = source.resource
    this.instrumentationScope = source.scope
    if (parent !== undefined) this.parentSpanContext = parent
  }

  get name(): string {
    return this.#span.name
  }

  get attributes(): Record<string, string | number> {
    return this.#span.attributes
  }

  get startTime(): HrTime {
    return hrTime(this.#span.startTime)
  }

  get endTime(): HrTime {
    return hrTime(this.#span.endTime)
  }

  get duration(): HrTime {
    return hrTime(this.#span.endTime - this.#span.startTime)
  }

  spanContext(): SpanContext {
    return this.#context
  }
}

const contextOf = (parent: Tracer.ExternalSpan): SpanContext => {
  const traceState = Context.getOrUndefined(parent.annotations, OtelTracer.OtelTraceState)
  return {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(traceState === undefined ? {} : { traceState })
  }
}

const hasTraceState = (parent: Tracer.ExternalSpan | undefined): boolean =>
  parent !== undefined && Context.getOrUndefined(parent.annotations, OtelTracer.OtelTraceState) !== undefined

/**
 * Makes a function that returns the template of a span, or undefined if the span cannot be serialized. The function
 * caches templates by the span's `attributes` object, separately for spans with and without a parent.
 */
const makeTemplates = (serializer: ISerializer<Array<ReadableSpan>, unknown>) => {
  const roots = new WeakMap<object, SpanTemplate.SpanTemplate>()
  const children = new WeakMap<object, SpanTemplate.SpanTemplate>()
  return (
    { attributes, parent }: EndedServerSpan,
    readable: () => ReadableSpan
  ): SpanTemplate.SpanTemplate | undefined => {
    const templates = parent === undefined ? roots : children
    const present = templates.get(attributes)
    if (present !== undefined) return present
    const bytes = serializer.serializeRequest([readable()])
    if (bytes === undefined) return undefined
    const made = SpanTemplate.make(bytes)
    templates.set(attributes, made)
    return made
  }
}

/**
 * Makes a function that records ended spans as the SDK's tracer does. The function generates the ids of a span, adds
 * the span to `queue` if it is sampled, and returns the ids. If `serializer` is set, spans without a trace state are
 * queued as bytes. All other spans are queued as objects.
 */
export const make = (options: {
  readonly isSampled: IsSampled
  readonly queue: SpanQueue
  readonly serializer: ISerializer<Array<ReadableSpan>, unknown> | undefined
  readonly resource: Resource
  readonly scope: InstrumentationScope
}): ((span: EndedServerSpan) => Tracer.ExternalSpan) => {
  const { isSampled, queue, resource, serializer } = options
  const ids = new RandomIds()
  const templateOf = serializer === undefined ? () => undefined : makeTemplates(serializer)

  const record = (span: EndedServerSpan, traceId: string, spanId: string): void => {
    const readable = (): ReadableEndedSpan => {
      const parent = span.parent === undefined ? undefined : contextOf(span.parent)
      const traceState = parent?.traceState
      const context: SpanContext = {
        traceId,
        spanId,
        traceFlags: TraceFlags.SAMPLED,
        ...(traceState === undefined ? {} : { traceState })
      }
      return new ReadableEndedSpan(span, context, parent, options)
    }
    // Trace states have different lengths, so no template fits a span with a trace state.
    const template = hasTraceState(span.parent) ? undefined : templateOf(span, readable)
    if (template === undefined) return queue.processor.onEnd(readable())
    const { endTime, parent, startTime } = span
    queue.enqueue(resource, template, { ids, parent, startTime, endTime })
  }

  return (span) => {
    ids.next()
    const traceId = span.parent?.traceId ?? ids.traceId
    const { spanId } = ids
    const sampled = isSampled(traceId, span.parent?.sampled)
    if (sampled) record(span, traceId, spanId)
    return Tracer.externalSpan({ traceId, spanId, sampled })
  }
}
