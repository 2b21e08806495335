import {
  JsonTraceSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper
} from "@opentelemetry/otlp-transformer"
import type { Resource } from "@opentelemetry/resources"
import { type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace"
import { TraceHeaders } from "@registry-packages-proxy/kubernetes/TraceHeaders"
import { Effect, type FileSystem, Layer, Option, Tracer } from "effect"
import { ProcessEnvironment } from "../../config/ProcessEnvironment.ts"
import type { UsageError } from "../../config/UsageError.ts"
import { version } from "../../build/Version.ts"
import { RecordEndedSpan } from "../EndedServerSpan.ts"
import * as ExportLoss from "../ExportLoss.ts"
import { CallerSpanExtractor } from "../Propagation.ts"
import type { TracesSettings } from "../TelemetrySettings.ts"
import * as OtlpExporter from "./OtlpExporter.ts"
import * as EndedSpanRecorder from "./EndedSpanRecorder.ts"
import * as Sampler from "./Sampler.ts"
import * as FlushOnClose from "./FlushOnClose.ts"
import * as SpanBatch from "./SpanBatch.ts"
import * as SpanQueue from "./SpanQueue.ts"
import * as SpanTracer from "./SpanTracer.ts"
import * as TraceContext from "./TraceContext.ts"
import * as TreeExporter from "./TreeExporter.ts"

const name = "registry-packages-proxy"

const format = {
  protobuf: SpanBatch.makeSerializer(ProtobufTraceSerializer),
  json: JsonTraceSerializer,
  helper: { ...TraceExporterMetricsHelper, countItems: SpanBatch.spanCount },
  rejected: ({ partialSuccess }: { readonly partialSuccess?: { readonly rejectedSpans?: number } }) =>
    partialSuccess?.rejectedSpans
}

/**
 * Maximum numbers of a span's attributes, events and links, and the maximum length of an attribute in characters, so
 * that a batch stays small.
 */
const spanLimits = {
  attributeCountLimit: 64,
  attributeValueLengthLimit: 1024,
  eventCountLimit: 64,
  linkCountLimit: 64
}

/** Records all sampled spans and sends them to the exporter that `makeExporter` makes. */
export const layerExporter = (
  options: Omit<TracesSettings, "collector">,
  resource: Resource,
  makeExporter: (
    loss: ExportLoss.ExportLoss
  ) => Effect.Effect<SpanExporter, UsageError, FileSystem.FileSystem>,
  /** The serializer that the exporter uses. Undefined if that serializer does not accept a `SpanBatch`. */
  serializer?: typeof format.protobuf
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const loss = yield* ExportLoss.make("traces")
      const queue = SpanQueue.make(yield* makeExporter(loss), options.batching, loss)
      const sampler = Sampler.make(options.sampler, options.ratio)
      const provider = new TracerProvider({
        resource,
        sampler,
        spanLimits,
        spanProcessors: [queue.processor]
      })
      const tracer = yield* SpanTracer.make(provider.getTracer(name, version))
      return Layer.mergeAll(
        Layer.effectDiscard(FlushOnClose.register(() => provider.shutdown(), loss, queue.unsettled)),
        Layer.succeed(Tracer.Tracer, tracer),
        Layer.succeed(
          RecordEndedSpan,
          EndedSpanRecorder.make({
            isSampled: Sampler.makeIsSampled(options.sampler, options.ratio),
            queue,
            serializer,
            resource,
            scope: { name, version }
          })
        ),
        options.propagates
          ? Layer.merge(
              Layer.succeed(CallerSpanExtractor, TraceContext.extract),
              Layer.succeed(TraceHeaders, TraceContext.inject)
            )
          : Layer.succeed(CallerSpanExtractor, () => Option.none())
      )
    })
  )

/** Sends traces to `settings.collector`. If there is no collector, prints the traces to stdout. */
export const layer = (
  settings: TracesSettings,
  resource: Resource
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  layerExporter(
    settings,
    resource,
    (loss) =>
      Option.match(settings.collector, {
        onNone: () => Effect.map(ProcessEnvironment, ({ stdout }) => TreeExporter.make(stdout)),
        onSome: (collector) => OtlpExporter.make(collector, format, loss)
      }),
    Option.exists(settings.collector, ({ protocol }) => protocol === "http/protobuf")
      ? format.protobuf
      : undefined
  )
