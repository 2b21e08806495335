import { type SpanContext, TraceFlags } from "@opentelemetry/api"
import type { ISerializer } from "@opentelemetry/otlp-transformer"
import type { Resource } from "@opentelemetry/resources"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import type { RandomIds } from "./RandomIds.ts"
import * as SpanTemplate from "./SpanTemplate.ts"

/** The fields in which spans of one template differ. Times are in nanoseconds since the epoch. */
export interface IdsAndTimes {
  /** The span's ids are its present ones, except that a parent's trace is the span's. */
  readonly ids: RandomIds
  readonly parent: { readonly traceId: string; readonly spanId: string } | undefined
  readonly startTime: bigint
  readonly endTime: bigint
}

/** Bytes reserved for two tags and their lengths. */
const headerRoom = 16

/** Bytes of a batch's first buffer, which is replaced by one of twice the size when it is full. */
const firstSize = 4096

/**
 * Finished spans of one export, serialized one by one as they end. As objects they would survive two collections of
 * the young generation, which costs more than to make them. OpenTelemetry's batch processor takes the batch for a
 * span.
 */
export class SpanBatch {
  /** The number of spans. */
  count = 0
  readonly resource: Resource
  readonly #resource: Uint8Array
  readonly #scope: Uint8Array
  /** The offset of the first span. */
  readonly #start: number
  #end: number
  #bytes: Buffer

  /** @param spare a buffer that nobody uses any more */
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

  /** Its buffer. */
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

  /** The ExportTraceServiceRequest: one ResourceSpans with one ScopeSpans. */
  serialize(): Uint8Array {
    const spans = this.#end - this.#start
    const scope = SpanTemplate.header(2, this.#scope.length + spans)
    const resource = SpanTemplate.header(1, this.#resource.length + scope.length + this.#scope.length + spans)
    const head = Buffer.concat([resource, this.#resource, scope, this.#scope])
    this.#bytes.set(head, this.#start - head.length)
    return this.#bytes.subarray(this.#start - head.length, this.#end)
  }

  /** The batch processor reads the flags of what it takes for a span. */
  spanContext(): SpanContext {
    return { traceId: "", spanId: "", traceFlags: TraceFlags.SAMPLED }
  }
}

/** The batch as the batch processor takes it. */
export const asSpan = (batch: SpanBatch): ReadableSpan => batch as unknown as ReadableSpan

/** The batch that is exported, if it is one. */
export const batchOf = ([first]: ReadonlyArray<ReadableSpan>): SpanBatch | undefined => {
  const item: unknown = first
  return item instanceof SpanBatch ? item : undefined
}

/** The number of spans that are exported. */
export const countOf = (spans: ReadonlyArray<ReadableSpan>): number => batchOf(spans)?.count ?? spans.length

/** OpenTelemetry's serializer, which takes a batch too. */
export const makeSerializer = <Response>(
  serializer: ISerializer<Array<ReadableSpan>, Response>
): ISerializer<Array<ReadableSpan>, Response> => ({
  deserializeResponse: (data) => serializer.deserializeResponse(data),
  serializeRequest: (spans) => batchOf(spans)?.serialize() ?? serializer.serializeRequest(spans)
})
