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
import { FinishedSpans } from "../FinishedSpans.ts"
import * as Loss from "../Loss.ts"
import { Propagation } from "../Propagation.ts"
import type { Traces } from "../TelemetrySettings.ts"
import * as Exporter from "./Exporter.ts"
import * as FinishedSerializer from "./FinishedSerializer.ts"
import * as FinishedSpan from "./FinishedSpan.ts"
import * as Sampler from "./Sampler.ts"
import * as Shutdown from "./Shutdown.ts"
import * as SpanQueue from "./SpanQueue.ts"
import * as SpanTracer from "./SpanTracer.ts"
import * as TraceContext from "./TraceContext.ts"
import * as TreeExporter from "./TreeExporter.ts"

const name = "registry-packages-proxy"

const format = {
  protobuf: FinishedSerializer.make(ProtobufTraceSerializer),
  json: JsonTraceSerializer,
  helper: TraceExporterMetricsHelper,
  rejected: ({ partialSuccess }: { readonly partialSuccess?: { readonly rejectedSpans?: number } }) =>
    partialSuccess?.rejectedSpans
}

/** How many attributes, events and links a span has at most, and how long a text: OTLP's batches stay small. */
const spanLimits = {
  attributeCountLimit: 64,
  attributeValueLengthLimit: 1024,
  eventCountLimit: 64,
  linkCountLimit: 64
}

/** All spans go to this exporter. */
export const layerExporter = (
  options: Omit<Traces, "collector">,
  resource: Resource,
  makeExporter: (loss: Loss.Loss) => Effect.Effect<SpanExporter, UsageError, FileSystem.FileSystem>
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const loss = yield* Loss.make("traces")
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
        Layer.effectDiscard(Shutdown.register(() => provider.shutdown(), loss, queue.unsettled)),
        Layer.succeed(Tracer.Tracer, tracer),
        Layer.succeed(
          FinishedSpans,
          FinishedSpan.make({ sampler, processor: queue.processor, resource, scope: { name, version } })
        ),
        options.propagates
          ? Layer.merge(
              Layer.succeed(Propagation, TraceContext.extract),
              Layer.succeed(TraceHeaders, TraceContext.inject)
            )
          : Layer.succeed(Propagation, () => Option.none())
      )
    })
  )

/** Traces to a collector, or to the terminal. */
export const layer = (
  settings: Traces,
  resource: Resource
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  layerExporter(settings, resource, (loss) =>
    Option.match(settings.collector, {
      onNone: () => Effect.map(ProcessEnvironment, ({ stdout }) => TreeExporter.make(stdout)),
      onSome: (collector) => Exporter.make(collector, format, loss)
    })
  )
