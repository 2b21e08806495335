import { assert, describe, it } from "@effect/vitest"
import { ROOT_CONTEXT, SpanKind, trace, TraceFlags } from "@opentelemetry/api"
import { ExportResultCode } from "@opentelemetry/core"
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { SamplingDecision } from "@opentelemetry/sdk-trace"
import { Duration, Tracer } from "effect"
import * as fc from "fast-check"
import type { ExportLoss } from "../../src/telemetry/ExportLoss.ts"
import type { SamplerName } from "../../src/telemetry/OtelVariables.ts"
import * as EndedSpanRecorder from "../../src/telemetry/sdk/EndedSpanRecorder.ts"
import * as Sampler from "../../src/telemetry/sdk/Sampler.ts"
import * as SpanBatch from "../../src/telemetry/sdk/SpanBatch.ts"
import * as SpanQueue from "../../src/telemetry/sdk/SpanQueue.ts"

const resource = resourceFromAttributes({ "service.name": "test" })
const scope = { name: "scope", version: "1" }

const batching = {
  scheduleDelay: Duration.hours(1),
  exportTimeout: Duration.hours(1),
  maxQueueSize: 20,
  maxExportBatchSize: 8
}

const serializer = SpanBatch.makeSerializer(ProtobufTraceSerializer)

/**
 * Makes a span recorder, and collects its exports. If `serializer` is given, the recorder stores spans as bytes,
 * otherwise as objects.
 */
const exporting = (options: {
  readonly serializer?: typeof serializer
  readonly loss?: ExportLoss
  /** True if exports never complete. */
  readonly isSilent?: boolean
}) => {
  const exports: Array<{ readonly count: number; readonly bytes: string }> = []
  const queue = SpanQueue.make(
    {
      export: (spans, done) => {
        const bytes = Buffer.from(serializer.serializeRequest(spans) ?? []).toString("hex")
        exports.push({ count: SpanBatch.spanCount(spans), bytes })
        if (options.isSilent !== true) done({ code: ExportResultCode.SUCCESS })
      },
      shutdown: () => Promise.resolve()
    },
    batching,
    options.loss ?? { add: () => assert.fail("a span was lost"), reset: () => {} }
  )
  const record = EndedSpanRecorder.make({
    isSampled: () => true,
    queue,
    serializer: options.serializer,
    resource,
    scope
  })
  return { exports, queue, record }
}

const attributes = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.oneof(fc.string({ maxLength: 300 }), fc.integer()),
  { maxKeys: 12 }
)
const hex = (length: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => !/^0+$/.test(text))
const parent = fc.option(
  fc.record({ traceId: hex(32), spanId: hex(16), sampled: fc.boolean() }).map(Tracer.externalSpan)
)
const time = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n })

describe("ended spans", () => {
  it("are written as OpenTelemetry's own serializer writes them, byte for byte but for their ids", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(attributes, { minLength: 1, maxLength: 4 }),
        fc.array(
          fc.record({
            which: fc.nat(),
            parent,
            startTime: time,
            lasted: fc.bigInt({ min: 0n, max: 10n ** 12n })
          }),
          { minLength: 1, maxLength: 20 }
        ),
        async (kinds, all) => {
          const bytes = exporting({ serializer })
          const objects = exporting({})
          const ids: Array<readonly [string, string]> = []
          for (const { lasted, parent, startTime, which } of all) {
            const span = {
              name: "GET /package",
              parent: parent ?? undefined,
              startTime,
              endTime: startTime + lasted,
              attributes: kinds[which % kinds.length] ?? {}
            }
            const [one, other] = [bytes.record(span), objects.record(span)]
            ids.push([one.traceId, other.traceId], [one.spanId, other.spanId])
          }
          await Promise.all([bytes.queue.processor.shutdown(), objects.queue.processor.shutdown()])
          const wanted = objects.exports.map(({ bytes, count }) => ({
            count,
            bytes: ids.reduce((text, [one, other]) => text.replace(other, one), bytes)
          }))
          assert.deepStrictEqual(bytes.exports, wanted)
        }
      )
    ))

  it("are exported in batches, one at a time, and counted when they are dropped", () => {
    const lost: Array<string> = []
    const { exports, queue, record } = exporting({
      serializer,
      isSilent: true,
      loss: { add: (_count, reason) => void lost.push(reason), reset: () => {} }
    })
    const span = { name: "GET /package", parent: undefined, startTime: 1n, endTime: 2n, attributes: {} }
    for (let index = 0; index < 8 + 20 + 3; index++) record(span)
    // The first batch of 8 spans never completes. 20 spans fill the queue, and 3 are dropped.
    assert.deepStrictEqual(
      exports.map(({ count }) => count),
      [8]
    )
    assert.deepStrictEqual(lost, ["queue full", "queue full", "queue full"])
    assert.strictEqual(queue.unsettled(), 28)
  })

  it("have ids of their own", () => {
    const { record } = exporting({ serializer, isSilent: true, loss: { add: () => {}, reset: () => {} } })
    const spans = Array.from({ length: 1000 }, () =>
      record({ name: "GET /package", parent: undefined, startTime: 1n, endTime: 2n, attributes: {} })
    )
    for (const { spanId, traceId } of spans) {
      assert.match(traceId, /^[\da-f]{32}$/)
      assert.match(spanId, /^[\da-f]{16}$/)
    }
    const ids = spans.flatMap(({ spanId, traceId }) => [spanId, traceId])
    assert.strictEqual(new Set(ids).size, ids.length)
  })
})

const samplerNames: ReadonlyArray<SamplerName> = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
]

describe("the decision about an ended span", () => {
  it.each(samplerNames)("is that of OpenTelemetry's sampler: %s", (name) => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), hex(32), parent, (ratio, traceId, caller) => {
        const context =
          caller === null
            ? ROOT_CONTEXT
            : trace.setSpanContext(ROOT_CONTEXT, {
                traceId,
                spanId: caller.spanId,
                traceFlags: caller.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
                isRemote: true
              })
        const { decision } = Sampler.make(name, ratio).shouldSample(
          context,
          traceId,
          "",
          SpanKind.SERVER,
          {},
          []
        )
        assert.strictEqual(
          Sampler.makeIsSampled(name, ratio)(traceId, caller?.sampled),
          decision === SamplingDecision.RECORD_AND_SAMPLED
        )
      })
    )
  })
})
