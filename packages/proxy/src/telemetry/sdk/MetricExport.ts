import * as OtelMetrics from "@effect/opentelemetry/OtelMetrics"
import { Resource as EffectResource } from "@effect/opentelemetry/Resource"
import {
  JsonMetricsSerializer,
  MetricsExporterMetricsHelper,
  ProtobufMetricsSerializer
} from "@opentelemetry/otlp-transformer"
import type { Resource } from "@opentelemetry/resources"
import {
  AggregationTemporality,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter
} from "@opentelemetry/sdk-metrics"
import { Effect, type FileSystem, Layer } from "effect"
import { Refresh } from "../../metrics/Refresh.ts"
import type { UsageError } from "../../config/UsageError.ts"
import * as Loss from "../Loss.ts"
import type { Metrics } from "../TelemetrySettings.ts"
import * as Exporter from "./Exporter.ts"
import { flushTimeout } from "./Shutdown.ts"

const format = {
  protobuf: ProtobufMetricsSerializer,
  json: JsonMetricsSerializer,
  helper: MetricsExporterMetricsHelper,
  rejected: ({ partialSuccess }: { readonly partialSuccess?: { readonly rejectedDataPoints?: number } }) =>
    partialSuccess?.rejectedDataPoints
}

const temporalities = {
  cumulative: AggregationTemporality.CUMULATIVE,
  delta: AggregationTemporality.DELTA
} as const

/** The metrics of /metrics, sent to a collector too. */
export const layer = (
  settings: Metrics,
  resource: Resource
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const loss = yield* Loss.make("metrics")
      const delegate = yield* Exporter.make(settings.collector, format, loss)
      const exporter: PushMetricExporter = {
        export: (metrics, done) => delegate.export(metrics, done),
        forceFlush: () => delegate.forceFlush(),
        shutdown: () => delegate.shutdown(),
        selectAggregationTemporality: () => temporalities[settings.temporality]
      }
      const refresh = new Set<Effect.Effect<void>>()
      const run = Effect.runPromiseWith(yield* Effect.context<never>())
      const figures = yield* Effect.provideService(
        OtelMetrics.makeProducer(settings.temporality),
        EffectResource,
        resource
      )
      const producer: MetricProducer = {
        collect: async (options) => {
          await run(Effect.all([...refresh], { discard: true }))
          return figures.collect(options)
        }
      }
      const reader = () =>
        new PeriodicExportingMetricReader({
          exporter,
          exportIntervalMillis: settings.intervalMillis,
          exportTimeoutMillis: settings.timeoutMillis
        })
      return Layer.merge(
        Layer.succeed(Refresh, refresh),
        Layer.effectDiscard(OtelMetrics.registerProducer(producer, reader, { shutdownTimeout: flushTimeout }))
      )
    })
  )
