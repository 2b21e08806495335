import { Option, type Redacted, Result } from "effect"
import type { UsageError } from "../config/UsageError.ts"
import { read, renamed, type Variables } from "./OtelVariable.ts"
import * as OtelVariables from "./OtelVariables.ts"

/** How a collector is reached over OTLP. */
export interface Collector {
  readonly url: string
  readonly protocol: "http/protobuf" | "http/json"
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>> | undefined
  readonly timeoutMillis: number
  readonly compression: "gzip" | "none"
  /** Files that are read at the start, with the variables that name them. */
  readonly files: {
    readonly [Name in "certificate" | "clientCertificate" | "clientKey"]: TlsFile | undefined
  }
}

/** A PEM file, and the variable that names it. */
export interface TlsFile {
  readonly variable: string
  readonly path: string
}

/** How finished spans or log lines are gathered. */
export interface Batching {
  readonly scheduledDelayMillis: number
  readonly exportTimeoutMillis: number
  readonly maxQueueSize: number
  readonly maxExportBatchSize: number
}

export interface Traces {
  /** None: trees on the terminal. */
  readonly collector: Option.Option<Collector>
  readonly sampler: OtelVariables.SamplerName
  readonly ratio: number
  readonly batching: Batching
  /** Callers' traces are followed, and the API server is told of ours. */
  readonly propagates: boolean
}

export interface Metrics {
  readonly collector: Collector
  readonly intervalMillis: number
  readonly timeoutMillis: number
  readonly temporality: "cumulative" | "delta"
}

export interface Logs {
  readonly collector: Collector
  readonly batching: Batching
}

/** What OpenTelemetry is to do; nothing of it is loaded where all three are none. */
export interface TelemetrySettings {
  readonly traces: Option.Option<Traces>
  readonly metrics: Option.Option<Metrics>
  readonly logs: Option.Option<Logs>
  readonly serviceName: string
  readonly resourceAttributes: Readonly<Record<string, string>>
}

/** Nothing is exported. */
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

/** The collector of a signal; none where no endpoint is set for it. */
const collectorOf = (variables: Variables, signal: OtelVariables.Signal): Read<Option.Option<Collector>> =>
  Result.gen(function* () {
    const of = <A>(variable: Parameters<typeof read<A>>[1]) =>
      read(variables, renamed(variable, OtelVariables.nameFor(signal, variable)), variable)
    const { otlp } = OtelVariables
    const tlsFile = (variable: typeof otlp.certificate): Read<TlsFile | undefined> =>
      Result.map(of(variable), (path) => {
        if (Option.isNone(path)) return undefined
        const own = OtelVariables.nameFor(signal, variable)
        return { variable: (variables[own] ?? "") === "" ? variable.name : own, path: path.value }
      })
    const ownEndpoint = yield* read(
      variables,
      renamed(otlp.endpoint, OtelVariables.nameFor(signal, otlp.endpoint))
    )
    const endpoint = yield* read(variables, otlp.endpoint)
    const protocol = yield* of(otlp.protocol)
    const headers = yield* of(otlp.headers)
    const timeout = yield* of(otlp.timeout)
    const compression = yield* of(otlp.compression)
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
      (url): Collector => ({
        url: url.href,
        protocol: Option.getOrElse(protocol, () => "http/protobuf" as const),
        headers: Option.getOrUndefined(headers),
        timeoutMillis: Option.getOrElse(timeout, () => 10_000),
        compression: Option.getOrElse(compression, () => "none" as const),
        files
      })
    )
  })

const batchingOf = (variables: Variables, batch: typeof OtelVariables.spanBatch): Read<Batching> =>
  Result.gen(function* () {
    const number = (variable: typeof batch.scheduleDelay) =>
      Result.map(read(variables, variable), (value) =>
        Option.getOrElse(value, () => Number(variable.default))
      )
    const maxQueueSize = yield* number(batch.maxQueueSize)
    return {
      scheduledDelayMillis: yield* number(batch.scheduleDelay),
      exportTimeoutMillis: yield* number(batch.exportTimeout),
      maxQueueSize,
      maxExportBatchSize: Math.min(yield* number(batch.maxExportBatchSize), maxQueueSize)
    }
  })

const tracesOf = (variables: Variables): Read<Option.Option<Traces>> =>
  Result.gen(function* () {
    const exporter = yield* read(variables, OtelVariables.exporter.traces)
    const collector = yield* collectorOf(variables, "traces")
    const sampler = yield* read(variables, OtelVariables.sampler)
    const ratio = yield* read(variables, OtelVariables.samplerArgument)
    const batching = yield* batchingOf(variables, OtelVariables.spanBatch)
    const propagators = yield* read(variables, OtelVariables.propagators)
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

const metricsOf = (variables: Variables): Read<Option.Option<Metrics>> =>
  Result.gen(function* () {
    const exporter = yield* read(variables, OtelVariables.exporter.metrics)
    const collector = yield* collectorOf(variables, "metrics")
    const interval = yield* read(variables, OtelVariables.metricInterval)
    const timeout = yield* read(variables, OtelVariables.metricTimeout)
    const temporality = yield* read(variables, OtelVariables.temporality)
    if (!Option.contains(exporter, "otlp")) return Option.none()
    return Option.map(collector, (collector): Metrics => {
      const intervalMillis = Option.getOrElse(interval, () => 60_000)
      return {
        collector,
        intervalMillis,
        // OpenTelemetry's reader wants it no longer than the interval.
        timeoutMillis: Math.min(
          Option.getOrElse(timeout, () => 30_000),
          intervalMillis
        ),
        temporality: Option.getOrElse(temporality, () => "cumulative" as const)
      }
    })
  })

const logsOf = (variables: Variables): Read<Option.Option<Logs>> =>
  Result.gen(function* () {
    const exporter = yield* read(variables, OtelVariables.exporter.logs)
    const collector = yield* collectorOf(variables, "logs")
    const batching = yield* batchingOf(variables, OtelVariables.logBatch)
    if (!Option.contains(exporter, "otlp")) return Option.none()
    return Option.map(collector, (collector): Logs => ({ collector, batching }))
  })

/**
 * What the standard variables ask for. Each is read, so that a wrong one is found before it is needed; one that is
 * empty counts as not set. Pure.
 *
 * Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
 */
export const parse = (variables: Variables): Read<TelemetrySettings> =>
  Result.gen(function* () {
    const disabled = yield* read(variables, OtelVariables.disabled)
    if (Option.contains(disabled, "true")) return off
    const traces = yield* tracesOf(variables)
    const metrics = yield* metricsOf(variables)
    const logs = yield* logsOf(variables)
    const serviceName = yield* read(variables, OtelVariables.serviceName)
    const attributes = yield* read(variables, OtelVariables.resourceAttributes)
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
