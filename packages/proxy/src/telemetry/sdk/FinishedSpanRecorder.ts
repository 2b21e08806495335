import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import {
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags
} from "@opentelemetry/api"
import type { InstrumentationScope } from "@opentelemetry/core"
import type { Resource } from "@opentelemetry/resources"
import {
  RandomIdGenerator,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanProcessor
} from "@opentelemetry/sdk-trace"
import { Context, Tracer } from "effect"
import type { FinishedSpan } from "../FinishedSpans.ts"
import type { SpanIdsAndTimes } from "./SpanTemplate.ts"

const nanosInSecond = 1_000_000_000n

const hrTime = (nanos: bigint): HrTime => [Number(nanos / nanosInSecond), Number(nanos % nanosInSecond)]

const none: Array<never> = []
const unset = { code: SpanStatusCode.UNSET }

/** A finished span as OpenTelemetry's exporters read it. Converts times only when they are read. */
export class ReadableFinishedSpan implements ReadableSpan {
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
  readonly #span: FinishedSpan
  readonly #context: SpanContext

  constructor(
    span: FinishedSpan,
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

  /** The fields in which it differs from another span with the same attributes. */
  get idsAndTimes(): SpanIdsAndTimes {
    const { traceId, spanId } = this.#context
    const { endTime, startTime } = this.#span
    return { traceId, spanId, parentId: this.parentSpanContext?.spanId, startTime, endTime }
  }
}

export const isReadableFinishedSpan = (span: ReadableSpan): span is ReadableFinishedSpan =>
  span instanceof ReadableFinishedSpan

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

/** Records finished spans as the SDK's tracer does: generates ids, applies the sampler, calls the processor. */
export const make = (options: {
  readonly sampler: Sampler
  readonly processor: SpanProcessor
  readonly resource: Resource
  readonly scope: InstrumentationScope
}): ((span: FinishedSpan) => Tracer.ExternalSpan) => {
  const { processor, sampler } = options
  const ids = new RandomIdGenerator()
  return (span) => {
    const parent = span.parent === undefined ? undefined : contextOf(span.parent)
    const traceId = parent?.traceId ?? ids.generateTraceId()
    const spanId = ids.generateSpanId()
    const parentContext = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent)
    const { decision } = sampler.shouldSample(
      parentContext,
      traceId,
      span.name,
      SpanKind.SERVER,
      span.attributes,
      none
    )
    const sampled = decision === SamplingDecision.RECORD_AND_SAMPLED
    if (sampled) {
      const context: SpanContext = {
        traceId,
        spanId,
        traceFlags: TraceFlags.SAMPLED,
        ...(parent?.traceState === undefined ? {} : { traceState: parent.traceState })
      }
      processor.onEnd(new ReadableFinishedSpan(span, context, parent, options))
    }
    return Tracer.externalSpan({ traceId, spanId, sampled })
  }
}
