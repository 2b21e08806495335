import { Duration, Redacted } from "effect"
import * as OtelVariable from "./OtelVariable.ts"

/** The kinds of telemetry, as OpenTelemetry names them. */
export type Signal = "traces" | "metrics" | "logs"

export const signals: ReadonlyArray<Signal> = ["traces", "metrics", "logs"]

const oneOf =
  <const A extends string>(...values: ReadonlyArray<A>) =>
  (text: string): A | undefined =>
    values.find((value) => value === text.toLowerCase())

const integer =
  (min: number, max: number) =>
  (text: string): number | undefined =>
    /^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined

// The longest delay that Node's timers accept.
const maxMillis = 2 ** 31 - 1
const parseMillis = integer(1, maxMillis)

const duration = (text: string): Duration.Duration | undefined => {
  const millis = parseMillis(text)
  return millis === undefined ? undefined : Duration.millis(millis)
}

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}

// The W3C Baggage format. Properties after a semicolon stay part of the value.
const pairs = (text: string, isName: (name: string) => boolean): Record<string, string> | undefined => {
  const found: Record<string, string> = {}
  for (const member of text.split(",")) {
    if (member.trim() === "") continue
    const equals = member.indexOf("=")
    const name = decode(member.slice(0, Math.max(equals, 0)))
    const value = decode(member.slice(equals + 1))
    if (name === undefined || name === "" || value === undefined || !isName(name)) return undefined
    found[name] = value
  }
  return found
}

const isHeaderName = (name: string): boolean => /^[!#$%&'*+.^_`|~\w-]+$/.test(name)
const isHeaderValue = (value: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)

const url = (text: string): URL | undefined => {
  const parsed = URL.parse(text)
  return parsed !== null &&
    (parsed.protocol === "http:" || parsed.protocol === "https:") &&
    parsed.username === "" &&
    parsed.password === ""
    ? parsed
    : undefined
}

const file = (text: string): string | undefined => (text.includes("\0") ? undefined : text)

const { make, makeSecret } = OtelVariable

/** The variable that disables all exports of OpenTelemetry. */
export const disabled = make({
  name: "OTEL_SDK_DISABLED",
  accepts: "true or false",
  default: "false",
  meaning: "true disables OpenTelemetry, regardless of other variables.",
  parse: oneOf("true", "false")
})

export const exporter = {
  traces: make({
    name: "OTEL_TRACES_EXPORTER",
    accepts: "otlp, console or none",
    default: "otlp",
    meaning: "Destination of traces: the endpoint, standard output (as trees), or none.",
    parse: oneOf("otlp", "console", "none")
  }),
  metrics: make({
    name: "OTEL_METRICS_EXPORTER",
    accepts: "otlp or none",
    default: "none",
    meaning: "otlp also sends metrics to the endpoint. /metrics serves them in any case.",
    parse: oneOf("otlp", "none")
  }),
  logs: make({
    name: "OTEL_LOGS_EXPORTER",
    accepts: "otlp or none",
    default: "none",
    meaning: "otlp also sends log lines to the endpoint. Standard output has the log in any case.",
    parse: oneOf("otlp", "none")
  })
} as const

/**
 * The variables that apply to all signals. For one signal, the variable that `signalVariableName` names takes
 * precedence.
 */
export const otlp = {
  endpoint: makeSecret({
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    accepts: "an http or https URL without user and password",
    default: "none: off",
    meaning:
      "URL of the collector; v1/traces, v1/metrics or v1/logs is appended. To the endpoint of one signal, such as " +
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, nothing is appended.",
    parse: url
  }),
  protocol: make({
    name: "OTEL_EXPORTER_OTLP_PROTOCOL",
    accepts: "http/protobuf or http/json",
    default: "http/protobuf",
    meaning: "Encoding of requests to the collector.",
    parse: oneOf("http/protobuf", "http/json")
  }),
  headers: makeSecret({
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    accepts: "name=value pairs, separated by commas, percent-encoded",
    default: "none",
    meaning: "Header fields of every request to the collector, such as authorization.",
    parse: (text) => {
      const found = pairs(text, isHeaderName)
      return found !== undefined && Object.values(found).every(isHeaderValue)
        ? Redacted.make(found)
        : undefined
    }
  }),
  timeout: make({
    name: "OTEL_EXPORTER_OTLP_TIMEOUT",
    accepts: "milliseconds, at least 1",
    default: "10000",
    meaning: "Timeout of a request to the collector, retries included.",
    parse: duration
  }),
  compression: make({
    name: "OTEL_EXPORTER_OTLP_COMPRESSION",
    accepts: "gzip or none",
    default: "none",
    meaning: "Compression of requests to the collector.",
    parse: oneOf("gzip", "none")
  }),
  certificate: make({
    name: "OTEL_EXPORTER_OTLP_CERTIFICATE",
    accepts: "the path of a PEM file",
    default: "the system's authorities",
    meaning: "Authorities that are trusted to sign the collector's certificate.",
    parse: file
  }),
  clientCertificate: make({
    name: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    accepts: "the path of a PEM file",
    default: "none",
    meaning: "Client certificate for the collector.",
    parse: file
  }),
  clientKey: make({
    name: "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    accepts: "the path of a PEM file",
    default: "none",
    meaning: "Private key of the client certificate.",
    parse: file
  })
} as const

/**
 * Returns the name of the variable that takes precedence over the variable `name` for this signal. For `traces` and
 * `OTEL_EXPORTER_OTLP_TIMEOUT`, it is `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`.
 */
export const signalVariableName = (signal: Signal, { name }: OtelVariable.OtelVariable<unknown>): string =>
  name.replace("OTEL_EXPORTER_OTLP_", `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_`)

/** The names of OpenTelemetry's standard samplers, except the samplers that require another service. */
export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio"

export const sampler = make({
  name: "OTEL_TRACES_SAMPLER",
  accepts:
    "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio",
  default: "parentbased_always_on",
  meaning: "Sampler of traces. A parentbased sampler follows the caller's traceparent if there is one.",
  parse: oneOf<SamplerName>(
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio"
  )
})

export const samplerArgument = make({
  name: "OTEL_TRACES_SAMPLER_ARG",
  accepts: "a number from 0 to 1",
  default: "1",
  meaning: "Share of traces that traceidratio and parentbased_traceidratio sample.",
  parse: (text) =>
    /^(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?$/i.test(text) && Number(text) <= 1 ? Number(text) : undefined
})

const batchVariables = (prefix: string, items: string, delay: string) => ({
  scheduleDelay: make({
    name: `${prefix}_SCHEDULE_DELAY`,
    accepts: "milliseconds, at least 1",
    default: delay,
    meaning: `Maximum delay before ${items} are sent.`,
    parse: duration
  }),
  exportTimeout: make({
    name: `${prefix}_EXPORT_TIMEOUT`,
    accepts: "milliseconds, at least 1",
    default: "30000",
    meaning: "Timeout of the export of a batch.",
    parse: duration
  }),
  maxQueueSize: make({
    name: `${prefix}_MAX_QUEUE_SIZE`,
    accepts: "a whole number from 1 to 1000000",
    default: "2048",
    meaning: `Maximum number of ${items} in the queue. When it is full, ${items} are dropped and counted.`,
    parse: integer(1, 1_000_000)
  }),
  maxExportBatchSize: make({
    name: `${prefix}_MAX_EXPORT_BATCH_SIZE`,
    accepts: "a whole number from 1 to 1000000",
    default: "512",
    meaning: `Maximum number of ${items} in a request.`,
    parse: integer(1, 1_000_000)
  })
})

export const spanBatch = batchVariables("OTEL_BSP", "spans", "5000")
export const logBatch = batchVariables("OTEL_BLRP", "log lines", "1000")

export const metricInterval = make({
  name: "OTEL_METRIC_EXPORT_INTERVAL",
  accepts: "milliseconds, at least 1",
  default: "60000",
  meaning: "Interval between exports of metrics.",
  parse: duration
})

export const metricTimeout = make({
  name: "OTEL_METRIC_EXPORT_TIMEOUT",
  accepts: "milliseconds, at least 1",
  default: "30000",
  meaning: "Timeout of an export of metrics.",
  parse: duration
})

export const temporality = make({
  name: "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
  accepts: "cumulative or delta",
  default: "cumulative",
  meaning: "Start of a counter's value: the program's start (cumulative) or the previous export (delta).",
  parse: oneOf("cumulative", "delta")
})

export const propagators = make({
  name: "OTEL_PROPAGATORS",
  accepts: "tracecontext, baggage or none, separated by commas",
  default: "tracecontext,baggage",
  meaning:
    "tracecontext continues the traces of callers and propagates them to the API server. Baggage is not used.",
  parse: (text) => {
    const names = text.split(",").map((name) => oneOf("tracecontext", "baggage", "none")(name.trim()))
    return names.every((name) => name !== undefined) ? names : undefined
  }
})

export const serviceName = make({
  name: "OTEL_SERVICE_NAME",
  accepts: "a name",
  default: "registry-packages-proxy",
  meaning: "The service.name of the resource.",
  parse: (text) => text
})

export const resourceAttributes = make({
  name: "OTEL_RESOURCE_ATTRIBUTES",
  accepts: "name=value pairs, separated by commas, percent-encoded",
  default: "none",
  meaning: "Further attributes of the resource, such as k8s.node.name.",
  parse: (text) => pairs(text, () => true)
})

/**
 * All of OpenTelemetry's variables that the program reads, for the table in docs/telemetry.md. Does not include the
 * variables that `signalVariableName` names.
 */
export const all: ReadonlyArray<OtelVariable.OtelVariable<unknown>> = [
  disabled,
  ...Object.values(otlp),
  ...Object.values(exporter),
  sampler,
  samplerArgument,
  ...Object.values(spanBatch),
  ...Object.values(logBatch),
  metricInterval,
  metricTimeout,
  temporality,
  propagators,
  serviceName,
  resourceAttributes
]
