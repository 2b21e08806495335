import { assert, describe, it } from "@effect/vitest"
import { ROOT_CONTEXT, type SpanContext } from "@opentelemetry/api"
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { AlwaysOnSampler, type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace"
import { Tracer } from "effect"
import * as fc from "fast-check"
import * as FinishedSpanSerializer from "../../src/telemetry/sdk/FinishedSpanSerializer.ts"
import * as FinishedSpanRecorder from "../../src/telemetry/sdk/FinishedSpanRecorder.ts"

const resource = resourceFromAttributes({ "service.name": "test" })
const scope = { name: "scope", version: "1" }

/** A recorder of finished spans, and the spans it passes to the processor. */
const collecting = () => {
  const spans: Array<ReadableSpan> = []
  const take = FinishedSpanRecorder.make({
    sampler: new AlwaysOnSampler(),
    processor: {
      onStart: () => {},
      onEnd: (span) => void spans.push(span),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve()
    },
    resource,
    scope
  })
  return { spans, take }
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

describe("finished spans", () => {
  it("are serialized to the same bytes as by OpenTelemetry's own serializer", () => {
    fc.assert(
      fc.property(
        fc.array(attributes, { minLength: 1, maxLength: 4 }),
        fc.array(
          fc.record({
            which: fc.nat(),
            parent,
            startTime: time,
            lasted: fc.bigInt({ min: 0n, max: 10n ** 12n })
          }),
          {
            minLength: 1,
            maxLength: 12
          }
        ),
        (kinds, all) => {
          const { spans, take } = collecting()
          for (const { lasted, parent, startTime, which } of all) {
            take({
              name: "GET /package",
              parent: parent ?? undefined,
              startTime,
              endTime: startTime + lasted,
              attributes: kinds[which % kinds.length] ?? {}
            })
          }
          const own = FinishedSpanSerializer.make(ProtobufTraceSerializer)
          for (const span of spans) {
            assert.deepStrictEqual(
              Buffer.from(own.serializeRequest([span]) ?? []),
              Buffer.from(ProtobufTraceSerializer.serializeRequest([span]) ?? [])
            )
          }
          assert.deepStrictEqual(
            Buffer.from(own.serializeRequest(spans) ?? []),
            Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? [])
          )
        }
      )
    )
  })

  it("are in one request with other spans", () => {
    const { spans, take } = collecting()
    take({ name: "GET /package", parent: undefined, startTime: 1n, endTime: 2n, attributes: { a: "b" } })
    const other: Array<ReadableSpan> = []
    const provider = new TracerProvider({
      resource,
      spanProcessors: [
        {
          onStart: () => {},
          onEnd: (span) => void other.push(span),
          forceFlush: () => Promise.resolve(),
          shutdown: () => Promise.resolve()
        }
      ]
    })
    provider.getTracer("scope").startSpan("other", {}, ROOT_CONTEXT).end()
    const bytes = Buffer.from(
      FinishedSpanSerializer.make(ProtobufTraceSerializer).serializeRequest([...other, ...spans]) ?? []
    )
    const contexts: ReadonlyArray<SpanContext> = [...other, ...spans].map((span) => span.spanContext())
    for (const { spanId } of contexts) assert.isTrue(bytes.includes(Buffer.from(spanId, "hex")))
    assert.isTrue(
      bytes
        .subarray(-1 * (ProtobufTraceSerializer.serializeRequest(other)?.length ?? 0))
        .equals(Buffer.from(ProtobufTraceSerializer.serializeRequest(other) ?? []))
    )
  })
})
