import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { Duration, Option, type Redacted, Result } from "effect"
import type { UsageError } from "../config/UsageError.ts"
import { read, withName } from "./OtelVariable.ts"
import * as OtelVariables from "./OtelVariables.ts"

/** The settings of OTLP requests to a collector. */
export interface CollectorSettings {
  readonly url: string
  readonly protocol: "http/protobuf" | "http/json"
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>> | undefined
  readonly timeout: Duration.Duration
  readonly compression: "gzip" | "none"
  /** The PEM files for TLS. They are read once, when the program starts. */
  readonly files: {
    readonly [Name in "certificate" | "clientCertificate" | "clientKey"]: TlsFile | undefined
  }
}

/** A PEM file, and the environment variable that names it. */
export interface TlsFile {
  readonly variable: string
  readonly path: string
}

/** The settings of batches of spans or log lines. */
export interface Batching {
  readonly scheduleDelay: Duration.Duration
  readonly exportTimeout: Duration.Duration
  readonly maxQueueSize: number
  readonly maxExportBatchSize: number
}

export interface TracesSettings {
  /** The collector of traces. If none, traces are printed to standard output as trees. */
  readonly collector: Option.Option<CollectorSettings>
  readonly sampler: OtelVariables.SamplerName
  readonly ratio: number
  readonly batching: Batching
  /** True if callers' traces are continued and propagated to the API server. */
  readonly propagates: boolean
}

export interface MetricsSettings {
  readonly collector: CollectorSettings
  readonly interval: Duration.Duration
  readonly timeout: Duration.Duration
  readonly temporality: "cumulative" | "delta"
}

export interface LogsSettings {
  readonly collector: CollectorSettings
  readonly batching: Batching
}

/** The settings of OpenTelemetry. If traces, metrics and logs are none, no OpenTelemetry module is loaded. */
export interface TelemetrySettings {
  readonly traces: Option.Option<TracesSettings>
  readonly metrics: Option.Option<MetricsSettings>
  readonly logs: Option.Option<LogsSettings>
  readonly serviceName: string
  readonly resourceAttributes: Readonly<Record<string, string>>
}

/** The settings with which nothing is exported. */
export const off: TelemetrySettings = {
  traces: Option.none(),
  metrics: Option.none(),
  logs: Option.none(),
  serviceName: OtelVariables.serviceName.default,
  resourceAttributes: {}
}

export const isOff = ({ logs, metrics, traces }: TelemetrySettings): boolean =>
  Option.isNone(traces) && Option.isNone(metrics) && Option.isNone(logs)

type Read<A> = Result.Result<A, UsageError>

/** Returns the collector of a signal. None if the signal has no endpoint. */
const collectorOf = (
  env: EnvironmentVariables,
  signal: OtelVariables.Signal
): Read<Option.Option<CollectorSettings>> =>
  Result.gen(function* () {
    const readSignal = <A>(variable: Parameters<typeof read<A>>[1]) =>
      read(env, withName(variable, OtelVariables.signalVariableName(signal, variable)), variable)
    const { otlp } = OtelVariables
    const tlsFile = (variable: typeof otlp.certificate): Read<TlsFile | undefined> =>
      Result.map(readSignal(variable), (path) => {
        if (Option.isNone(path)) return undefined
        const ownName = OtelVariables.signalVariableName(signal, variable)
        return { variable: (env[ownName] ?? "") === "" ? variable.name : ownName, path: path.value }
      })
    const ownEndpoint = yield* read(
      env,
      withName(otlp.endpoint, OtelVariables.signalVariableName(signal, otlp.endpoint))
    )
    const endpoint = yield* read(env, otlp.endpoint)
    const protocol = yield* readSignal(otlp.protocol)
    const headers = yield* readSignal(otlp.headers)
    const timeout = yield* readSignal(otlp.timeout)
    const compression = yield* readSignal(otlp.compression)
    const files = {
      certificate: yield* tlsFile(otlp.certificate),
      clientCertificate: yield* tlsFile(otlp.clientCertificate),
      clientKey: yield* tlsFile(otlp.clientKey)
    }
    const appended = Option.map(endpoint, (url) => {
      const whole = new URL(url)
      whole.pathname = `${whole.pathname.replace(/\/$/, "")}/v1/${signal}`
      return whole
    })
    return Option.map(
      Option.orElse(ownEndpoint, () => appended),
      (url): CollectorSettings => ({
        url: url.href,
        protocol: Option.getOrElse(protocol, () => "http/protobuf" as const),
        headers: Option.getOrUndefined(headers),
        timeout: Option.getOrElse(timeout, () => Duration.seconds(10)),
        compression: Option.getOrElse(compression, () => "none" as const),
        files
      })
    )
  })

const batchingOf = (env: EnvironmentVariables, batch: typeof OtelVariables.spanBatch): Read<Batching> =>
  Result.gen(function* () {
    const number = (variable: typeof batch.maxQueueSize) =>
      Result.map(read(env, variable), (value) => Option.getOrElse(value, () => Number(variable.default)))
    const duration = (variable: typeof batch.scheduleDelay) =>
      Result.map(read(env, variable), (value) =>
        Option.getOrElse(value, () => Duration.millis(Number(variable.default)))
      )
    const maxQueueSize = yield* number(batch.maxQueueSize)
    return {
      scheduleDelay: yield* duration(batch.scheduleDelay),
      exportTimeout: yield* duration(batch.exportTimeout),
      maxQueueSize,
      maxExportBatchSize: Math.min(yield* number(batch.maxExportBatchSize), maxQueueSize)
    }
  })

const tracesOf = (env: EnvironmentVariables): Read<Option.Option<TracesSettings>> =>
  Result.gen(function* () {
    const exporter = yield* read(env, OtelVariables.exporter.traces)
    const collector = yield* collectorOf(env, "traces")
    const sampler = yield* read(env, OtelVariables.sampler)
    const ratio = yield* read(env, OtelVariables.samplerArgument)
    const batching = yield* batchingOf(env, OtelVariables.spanBatch)
    const propagators = yield* read(env, OtelVariables.propagators)
    const kind = Option.getOrElse(exporter, () => "otlp")
    if (kind === "none" || (kind === "otlp" && Option.isNone(collector))) return Option.none()
    return Option.some({
      collector: kind === "console" ? Option.none() : collector,
      sampler: Option.getOrElse(sampler, () => "parentbased_always_on" as const),
      ratio: Option.getOrElse(ratio, () => 1),
      batching,
      propagates: Option.match(propagators, {
        onNone: () => true,
        onSome: (names) => names.includes("tracecontext")
      })
    })
  })

const metricsOf = (env: EnvironmentVariables): Read<Option.Option<MetricsSettings>> =>
  Result.gen(function* () {
    const exporter = yield* read(env, OtelVariables.exporter.metrics)
    const collector = yield* collectorOf(env, "metrics")
    const interval = Option.getOrElse(yield* read(env, OtelVariables.metricInterval), () =>
      Duration.minutes(1)
    )
    const timeout = Option.getOrElse(yield* read(env, OtelVariables.metricTimeout), () =>
      Duration.seconds(30)
    )
    const temporality = yield* read(env, OtelVariables.temporality)
    if (!Option.contains(exporter, "otlp")) return Option.none()
    return Option.map(collector, (collector): MetricsSettings => ({
      collector,
      interval,
      // OpenTelemetry's metric reader rejects a timeout that is longer than the interval.
      timeout: Duration.min(timeout, interval),
      temporality: Option.getOrElse(temporality, () => "cumulative" as const)
    }))
  })

const logsOf = (env: EnvironmentVariables): Read<Option.Option<LogsSettings>> =>
  Result.gen(function* () {
    const exporter = yield* read(env, OtelVariables.exporter.logs)
    const collector = yield* collectorOf(env, "logs")
    const batching = yield* batchingOf(env, OtelVariables.logBatch)
    if (!Option.contains(exporter, "otlp")) return Option.none()
    return Option.map(collector, (collector): LogsSettings => ({ collector, batching }))
  })

/**
 * Parses OpenTelemetry's standard variables. Reads no file. An empty variable counts as not set. If OTEL_SDK_DISABLED
 * is true, ignores all other variables. Otherwise, fails if a variable has an invalid value, even if the variable
 * belongs to a signal that is not exported. If each signal has its own variable, such as
 * OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, the general variable, such as OTEL_EXPORTER_OTLP_TIMEOUT, is not checked. The
 * general variable OTEL_EXPORTER_OTLP_ENDPOINT is checked in any case.
 *
 * Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
 */
export const parse = (env: EnvironmentVariables): Read<TelemetrySettings> =>
  Result.gen(function* () {
    const disabled = yield* read(env, OtelVariables.disabled)
    if (Option.contains(disabled, "true")) return off
    const traces = yield* tracesOf(env)
    const metrics = yield* metricsOf(env)
    const logs = yield* logsOf(env)
    const serviceName = yield* read(env, OtelVariables.serviceName)
    const attributes = yield* read(env, OtelVariables.resourceAttributes)
    const resourceAttributes = Option.getOrElse(attributes, (): Record<string, string> => ({}))
    return {
      traces,
      metrics,
      logs,
      serviceName: Option.getOrElse(
        serviceName,
        () => resourceAttributes["service.name"] ?? OtelVariables.serviceName.default
      ),
      resourceAttributes
    }
  })
