import { type SpanContext, TraceFlags } from "@opentelemetry/api"
import type { ISerializer } from "@opentelemetry/otlp-transformer"
import type { Resource } from "@opentelemetry/resources"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import type { RandomIds } from "./RandomIds.ts"
import * as SpanTemplate from "./SpanTemplate.ts"

/** The fields that differ between spans with the same template. Times are in nanoseconds since the epoch. */
export interface IdsAndTimes {
  /**
   * The generator of the span's ids. The span has the current `spanId` of the generator. If there is a `parent`, the
   * span has the trace id of `parent`. Otherwise, it has the current `traceId` of the generator.
   */
  readonly ids: RandomIds
  readonly parent: { readonly traceId: string; readonly spanId: string } | undefined
  readonly startTime: bigint
  readonly endTime: bigint
}

/** The number of bytes reserved for the headers of two protobuf messages. Each header is a tag and a length. */
const headerRoom = 16

/** The space for spans in the first buffer of a batch, in bytes. When a buffer is full, a larger buffer replaces it. */
const firstSize = 4096

/**
 * The ended spans of one export request. Each span is serialized when it ends, so that no span object waits for the
 * export. Span objects that wait would survive two minor garbage collections, which cost more time than the creation of
 * the objects. OpenTelemetry's batch processor receives the whole batch as if it were one span.
 */
export class SpanBatch {
  /** The number of spans in the batch. */
  count = 0
  readonly resource: Resource
  readonly #resource: Uint8Array
  readonly #scope: Uint8Array
  /** The offset of the first span in `#bytes`. */
  readonly #start: number
  #end: number
  #bytes: Buffer

  /** @param spare a buffer to reuse, to which nothing else refers */
  constructor(resource: Resource, { resource: bytes, scope }: SpanTemplate.SpanTemplate, spare?: Buffer) {
    this.resource = resource
    this.#resource = bytes
    this.#scope = scope
    this.#start = headerRoom + bytes.length + scope.length
    this.#end = this.#start
    this.#bytes =
      spare !== undefined && spare.length > this.#start
        ? spare
        : Buffer.allocUnsafeSlow(this.#start + firstSize)
  }

  /** The buffer of the batch, for reuse after the export. */
  get bytes(): Buffer {
    return this.#bytes
  }

  add(template: SpanTemplate.SpanTemplate, { endTime, ids, parent, startTime }: IdsAndTimes): void {
    const { span } = template
    const at = this.#end
    this.#end += span.length
    if (this.#end > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#end)
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    const bytes = this.#bytes
    bytes.set(span, at)
    ids.writeSpanId(bytes, at + template.spanId)
    if (parent === undefined) ids.writeTraceId(bytes, at + template.traceId)
    else {
      bytes.write(parent.traceId, at + template.traceId, "hex")
      if (template.parentId !== undefined) bytes.write(parent.spanId, at + template.parentId, "hex")
    }
    bytes.writeBigUInt64LE(startTime, at + template.startTime)
    bytes.writeBigUInt64LE(endTime, at + template.endTime)
    this.count++
  }

  /** Returns a serialized ExportTraceServiceRequest with one ResourceSpans and one ScopeSpans. */
  serialize(): Uint8Array {
    const spans = this.#end - this.#start
    const scope = SpanTemplate.header(2, this.#scope.length + spans)
    const resource = SpanTemplate.header(1, this.#resource.length + scope.length + this.#scope.length + spans)
    const head = Buffer.concat([resource, this.#resource, scope, this.#scope])
    this.#bytes.set(head, this.#start - head.length)
    return this.#bytes.subarray(this.#start - head.length, this.#end)
  }

  /** Returns a sampled context, since the batch processor ignores unsampled spans. */
  spanContext(): SpanContext {
    return { traceId: "", spanId: "", traceFlags: TraceFlags.SAMPLED }
  }
}

/** Casts a batch to the type that the batch processor accepts. */
export const asSpan = (batch: SpanBatch): ReadableSpan => batch as unknown as ReadableSpan

/** Returns the first element if it is a {@link SpanBatch}. Otherwise returns undefined. */
export const batchOf = ([first]: ReadonlyArray<ReadableSpan>): SpanBatch | undefined => {
  const item: unknown = first
  return item instanceof SpanBatch ? item : undefined
}

/**
 * Returns the number of spans in `spans`. If the first element is a {@link SpanBatch}, returns the number of spans in
 * this batch.
 */
export const spanCount = (spans: ReadonlyArray<ReadableSpan>): number => batchOf(spans)?.count ?? spans.length

/** Extends a serializer of OpenTelemetry, so that it accepts a batch too. */
export const makeSerializer = <Response>(
  serializer: ISerializer<Array<ReadableSpan>, Response>
): ISerializer<Array<ReadableSpan>, Response> => ({
  deserializeResponse: (data) => serializer.deserializeResponse(data),
  serializeRequest: (spans) => batchOf(spans)?.serialize() ?? serializer.serializeRequest(spans)
})
