import { type ExportResult, ExportResultCode } from "@opentelemetry/core"
import { type IOtlpExportDelegate, OTLPExporterError } from "@opentelemetry/otlp-exporter-base"
import {
  createOtlpHttpExportDelegate,
  httpAgentFactoryFromOptions
} from "@opentelemetry/otlp-exporter-base/node-http"
import type { IExporterMetricsHelper, ISerializer } from "@opentelemetry/otlp-transformer"
import { Duration, Effect, FileSystem, Predicate, Redacted } from "effect"
import { UsageError } from "../../config/UsageError.ts"
import { version } from "../../build/Version.ts"
import type { ExportLoss } from "../ExportLoss.ts"
import type { CollectorSettings, TlsFile } from "../TelemetrySettings.ts"

/** The serializers of one signal, and the functions that count its items. */
export interface SignalFormat<Internal, Response> {
  readonly protobuf: ISerializer<Internal, Response>
  readonly json: ISerializer<Internal, Response>
  readonly helper: IExporterMetricsHelper<Internal>
  /** Returns the number of items that the collector rejected although it accepted the request. */
  readonly rejected: (response: Response) => number | string | null | undefined
}

/**
 * Returns the reason of a failed export, for the log. The reason does not contain the collector's text, which may
 * repeat a secret from the request.
 */
const lossReason = (error: unknown): string => {
  if (error instanceof OTLPExporterError && error.code !== undefined) return `answered ${error.code}`
  if (Predicate.hasProperty(error, "code") && Predicate.isString(error.code)) return error.code
  const message = error instanceof Error ? error.message : ""
  if (message === "Request timed out") return "no answer in time"
  return /retryable/.test(message) ? "not available" : "failed"
}

const readPem = (
  file: TlsFile | undefined
): Effect.Effect<string | undefined, UsageError, FileSystem.FileSystem> =>
  file === undefined
    ? Effect.succeed(undefined)
    : FileSystem.FileSystem.pipe(
        Effect.flatMap((fs) => fs.readFileString(file.path)),
        Effect.mapError(
          ({ reason }) =>
            new UsageError({
              message: `${file.variable}: the file cannot be read (${reason._tag}); accepted: the path of a PEM file`
            })
        ),
        Effect.filterOrFail(
          (text) => text.includes("-----BEGIN "),
          () =>
            new UsageError({
              message: `${file.variable}: the file is not a PEM file; accepted: the path of a PEM file`
            })
        )
      )

const contentTypes = { "http/protobuf": "application/x-protobuf", "http/json": "application/json" } as const

/**
 * Makes an exporter that sends one signal to a collector. OpenTelemetry's OTLP exporter retries requests and limits
 * their duration and concurrency. `loss` counts the items that are not delivered. Fails if a PEM file of the settings
 * cannot be used.
 */
export const make = Effect.fnUntraced(function* <Internal, Response>(
  collector: CollectorSettings,
  format: SignalFormat<Internal, Response>,
  loss: ExportLoss
): Effect.fn.Return<IOtlpExportDelegate<Internal>, UsageError, FileSystem.FileSystem> {
  const [ca, cert, key] = yield* Effect.all([
    readPem(collector.files.certificate),
    readPem(collector.files.clientCertificate),
    readPem(collector.files.clientKey)
  ])
  const serializer = collector.protocol === "http/json" ? format.json : format.protobuf
  const { headers } = collector
  const delegate = createOtlpHttpExportDelegate<Internal, Response>(
    {
      url: collector.url,
      headers: () =>
        Promise.resolve({
          ...(headers === undefined ? {} : Redacted.value(headers)),
          "content-type": contentTypes[collector.protocol]
        }),
      timeoutMillis: Duration.toMillis(collector.timeout),
      compression: collector.compression,
      concurrencyLimit: 8,
      userAgent: `registry-packages-proxy/${version}`,
      agentFactory: httpAgentFactoryFromOptions({
        keepAlive: true,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key })
      })
    },
    {
      serializeRequest: (items) => serializer.serializeRequest(items),
      deserializeResponse: (data) => {
        const response = serializer.deserializeResponse(data)
        loss.add(Number(format.rejected(response) ?? 0), "refused in part")
        return response
      }
    },
    "otlp_http_exporter",
    format.helper,
    undefined
  )
  return {
    export: (items: Internal, done: (result: ExportResult) => void) =>
      delegate.export(items, (result) => {
        if (result.code === ExportResultCode.SUCCESS) loss.reset()
        else loss.add(format.helper.countItems(items), lossReason(result.error))
        done(result)
      }),
    forceFlush: () => delegate.forceFlush(),
    setMetrics: (metrics) => delegate.setMetrics(metrics),
    shutdown: () => delegate.shutdown()
  }
})
