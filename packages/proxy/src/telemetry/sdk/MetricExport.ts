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
import { Duration, Effect, type FileSystem, Layer } from "effect"
import { MetricRefreshers } from "../../metrics/MetricRefreshers.ts"
import type { UsageError } from "../../config/UsageError.ts"
import * as ExportLoss from "../ExportLoss.ts"
import type { MetricsSettings } from "../TelemetrySettings.ts"
import * as OtlpExporter from "./OtlpExporter.ts"
import { flushTimeout } from "./FlushOnClose.ts"

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

/** Sends the program's metrics to a collector at a regular interval. /metrics shows the same metrics. */
export const layer = (
  settings: MetricsSettings,
  resource: Resource
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const loss = yield* ExportLoss.make("metrics")
      const delegate = yield* OtlpExporter.make(settings.collector, format, loss)
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
          exportIntervalMillis: Duration.toMillis(settings.interval),
          exportTimeoutMillis: Duration.toMillis(settings.timeout)
        })
      return Layer.merge(
        Layer.succeed(MetricRefreshers, refresh),
        Layer.effectDiscard(OtelMetrics.registerProducer(producer, reader, { shutdownTimeout: flushTimeout }))
      )
    })
  )
