import { ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api"
import { type LogAttributes, SeverityNumber } from "@opentelemetry/api-logs"
import {
  JsonLogsSerializer,
  LogsExporterMetricsHelper,
  ProtobufLogsSerializer
} from "@opentelemetry/otlp-transformer"
import type { Resource } from "@opentelemetry/resources"
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs"
import { Effect, type FileSystem, Layer } from "effect"
import * as CauseText from "../../text/CauseText.ts"
import type { LogRecord } from "../../logging/LogRecord.ts"
import { LogTap } from "../../logging/LogTap.ts"
import type { UsageError } from "../../config/UsageError.ts"
import { version } from "../../build/Version.ts"
import * as ExportLoss from "../ExportLoss.ts"
import type { LogsSettings } from "../TelemetrySettings.ts"
import { batchConfig } from "./BatchConfig.ts"
import * as OtlpExporter from "./OtlpExporter.ts"
import * as FlushOnClose from "./FlushOnClose.ts"

const format = {
  protobuf: ProtobufLogsSerializer,
  json: JsonLogsSerializer,
  helper: LogsExporterMetricsHelper,
  rejected: ({ partialSuccess }: { readonly partialSuccess?: { readonly rejectedLogRecords?: number } }) =>
    partialSuccess?.rejectedLogRecords
}

const severities: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL
}

const contextOf = ({ spanId, traceId }: LogRecord) =>
  traceId === undefined || spanId === undefined
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED })

/**
 * Sends log lines to a collector, in addition to stdout. Lines that do not fit into the bounded queue are dropped and
 * counted. Does nothing if the program logs without `Logging.layer`.
 */
export const layer = (
  settings: LogsSettings,
  resource: Resource
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const tap = yield* LogTap
      if (tap === undefined) return
      const loss = yield* ExportLoss.make("logs")
      const exporter = yield* OtlpExporter.make(settings.collector, format, loss)
      let waiting = 0
      let sending = 0
      const provider = new LoggerProvider({
        resource,
        processors: [
          new BatchLogRecordProcessor({
            ...batchConfig(settings.batching),
            exporter: {
              export: (records, done) => {
                waiting -= records.length
                sending += records.length
                exporter.export(records, (result) => {
                  sending -= records.length
                  done(result)
                })
              },
              forceFlush: () => exporter.forceFlush(),
              shutdown: () => exporter.shutdown()
            }
          })
        ]
      })
      const logger = provider.getLogger("registry-packages-proxy", version)
      const enqueue = (record: LogRecord): void => {
        if (waiting >= settings.batching.maxQueueSize) return loss.add(1, "queue full")
        waiting++
        const cause = record.cause === undefined ? {} : { cause: CauseText.describeCause(record.cause) }
        logger.emit({
          timestamp: record.date,
          severityNumber: severities[record.level] ?? SeverityNumber.UNSPECIFIED,
          severityText: record.level,
          body: record.message,
          // The fields of a `LogRecord` are JSON values.
          attributes: { ...(record.fields as LogAttributes), ...cause },
          context: contextOf(record)
        })
      }
      yield* FlushOnClose.register(
        () => provider.shutdown(),
        loss,
        () => waiting + sending
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          tap.onRecord = enqueue
        }),
        () =>
          Effect.sync(() => {
            tap.onRecord = undefined
          })
      )
    })
  )
