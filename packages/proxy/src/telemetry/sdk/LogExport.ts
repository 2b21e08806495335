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
import * as Loss from "../Loss.ts"
import type { Logs } from "../TelemetrySettings.ts"
import * as Exporter from "./Exporter.ts"
import * as Shutdown from "./Shutdown.ts"

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

/** The log's lines, sent to a collector too. What waits is bounded, and what is lost counted. */
export const layer = (
  settings: Logs,
  resource: Resource
): Layer.Layer<never, UsageError, FileSystem.FileSystem> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const tap = yield* LogTap
      if (tap === undefined) return
      const loss = yield* Loss.make("logs")
      const exporter = yield* Exporter.make(settings.collector, format, loss)
      let waiting = 0
      let sending = 0
      const provider = new LoggerProvider({
        resource,
        processors: [
          new BatchLogRecordProcessor({
            ...settings.batching,
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
      const take = (record: LogRecord): void => {
        if (waiting >= settings.batching.maxQueueSize) return loss.lost(1, "queue full")
        waiting++
        const cause = record.cause === undefined ? {} : { cause: CauseText.describeCause(record.cause) }
        logger.emit({
          timestamp: record.date,
          severityNumber: severities[record.level] ?? SeverityNumber.UNSPECIFIED,
          severityText: record.level,
          body: record.message,
          // Made plain where the record was made.
          attributes: { ...(record.fields as LogAttributes), ...cause },
          context: contextOf(record)
        })
      }
      yield* Shutdown.register(
        () => provider.shutdown(),
        loss,
        () => waiting + sending
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          tap.onRecord = take
        }),
        () =>
          Effect.sync(() => {
            tap.onRecord = undefined
          })
      )
    })
  )
