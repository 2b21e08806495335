import { Redacted } from "effect"
import * as OtelVariable from "./OtelVariable.ts"

/** The kinds of telemetry. */
export type Signal = "traces" | "metrics" | "logs"

export const signals: ReadonlyArray<Signal> = ["traces", "metrics", "logs"]

const oneOf =
  <const A extends string>(...values: ReadonlyArray<A>) =>
  (text: string): A | undefined =>
    values.find((value) => value === text.toLowerCase())

const whole =
  (least: number, most: number) =>
  (text: string): number | undefined =>
    /^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined

const maxMillis = 2 ** 31 - 1
const millis = whole(1, maxMillis)

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}

// W3C Baggage, whose format the specification uses for both lists; properties after a semicolon mean nothing here.
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

/** Turns everything off. */
export const disabled = make({
  name: "OTEL_SDK_DISABLED",
  accepts: "true or false",
  default: "false",
  meaning: "true turns all telemetry of OpenTelemetry off, whatever else is set.",
  parse: oneOf("true", "false")
})

export const exporter = {
  traces: make({
    name: "OTEL_TRACES_EXPORTER",
    accepts: "otlp, console or none",
    default: "otlp",
    meaning: "Where traces go: to the endpoint, to the terminal as trees, or nowhere.",
    parse: oneOf("otlp", "console", "none")
  }),
  metrics: make({
    name: "OTEL_METRICS_EXPORTER",
    accepts: "otlp or none",
    default: "none",
    meaning: "otlp sends metrics to the endpoint; /metrics has them either way.",
    parse: oneOf("otlp", "none")
  }),
  logs: make({
    name: "OTEL_LOGS_EXPORTER",
    accepts: "otlp or none",
    default: "none",
    meaning: "otlp sends log lines to the endpoint; they are written either way.",
    parse: oneOf("otlp", "none")
  })
} as const

/** What each signal has a variable of its own for, which beats that of all. */
export const otlp = {
  endpoint: makeSecret({
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    accepts: "an http or https URL without user and password",
    default: "none: off",
    meaning:
      "The collector; v1/traces, v1/metrics and v1/logs are appended. The variable of a signal, as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, is used as it is.",
    parse: url
  }),
  protocol: make({
    name: "OTEL_EXPORTER_OTLP_PROTOCOL",
    accepts: "http/protobuf or http/json",
    default: "http/protobuf",
    meaning: "The encoding.",
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
    meaning: "How long the collector may take for one request, retries included.",
    parse: millis
  }),
  compression: make({
    name: "OTEL_EXPORTER_OTLP_COMPRESSION",
    accepts: "gzip or none",
    default: "none",
    meaning: "Of the requests to the collector.",
    parse: oneOf("gzip", "none")
  }),
  certificate: make({
    name: "OTEL_EXPORTER_OTLP_CERTIFICATE",
    accepts: "the path of a PEM file",
    default: "the system's",
    meaning: "Authorities that the collector's certificate is trusted by.",
    parse: file
  }),
  clientCertificate: make({
    name: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    accepts: "the path of a PEM file",
    default: "none",
    meaning: "The certificate to authenticate to the collector with.",
    parse: file
  }),
  clientKey: make({
    name: "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    accepts: "the path of a PEM file",
    default: "none",
    meaning: "That certificate's private key.",
    parse: file
  })
} as const

/** The name that a variable of all signals has for one of them. */
export const nameFor = (signal: Signal, { name }: OtelVariable.OtelVariable<unknown>): string =>
  name.replace("OTEL_EXPORTER_OTLP_", `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_`)

/** The samplers of the specification that need nothing else. */
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
  meaning: "Which traces are kept. With parentbased, a caller's traceparent decides where there is one.",
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
  meaning: "The share of traces that traceidratio keeps.",
  parse: (text) =>
    /^(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?$/i.test(text) && Number(text) <= 1 ? Number(text) : undefined
})

const batchOf = (prefix: string, what: string, delay: string) => ({
  scheduleDelay: make({
    name: `${prefix}_SCHEDULE_DELAY`,
    accepts: "milliseconds, at least 1",
    default: delay,
    meaning: `How long ${what} wait for others before they are sent.`,
    parse: millis
  }),
  exportTimeout: make({
    name: `${prefix}_EXPORT_TIMEOUT`,
    accepts: "milliseconds, at least 1",
    default: "30000",
    meaning: "How long one batch may take.",
    parse: millis
  }),
  maxQueueSize: make({
    name: `${prefix}_MAX_QUEUE_SIZE`,
    accepts: "a whole number from 1 to 1000000",
    default: "2048",
    meaning: `How many ${what} wait at most; more are lost, and counted.`,
    parse: whole(1, 1_000_000)
  }),
  maxExportBatchSize: make({
    name: `${prefix}_MAX_EXPORT_BATCH_SIZE`,
    accepts: "a whole number from 1 to 1000000",
    default: "512",
    meaning: `How many ${what} one request carries at most.`,
    parse: whole(1, 1_000_000)
  })
})

export const spanBatch = batchOf("OTEL_BSP", "spans", "5000")
export const logBatch = batchOf("OTEL_BLRP", "log lines", "1000")

export const metricInterval = make({
  name: "OTEL_METRIC_EXPORT_INTERVAL",
  accepts: "milliseconds, at least 1",
  default: "60000",
  meaning: "How often metrics are sent.",
  parse: millis
})

export const metricTimeout = make({
  name: "OTEL_METRIC_EXPORT_TIMEOUT",
  accepts: "milliseconds, at least 1",
  default: "30000",
  meaning: "How long sending them once may take.",
  parse: millis
})

export const temporality = make({
  name: "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
  accepts: "cumulative or delta",
  default: "cumulative",
  meaning: "What a counter's figure counts from: the program's start, or the figure before.",
  parse: oneOf("cumulative", "delta")
})

export const propagators = make({
  name: "OTEL_PROPAGATORS",
  accepts: "tracecontext, baggage or none, separated by commas",
  default: "tracecontext,baggage",
  meaning:
    "Without tracecontext no caller's trace is followed, and none is told to the API server. Baggage is not used.",
  parse: (text) => {
    const names = text.split(",").map((name) => oneOf("tracecontext", "baggage", "none")(name.trim()))
    return names.every((name) => name !== undefined) ? names : undefined
  }
})

export const serviceName = make({
  name: "OTEL_SERVICE_NAME",
  accepts: "a name",
  default: "registry-packages-proxy",
  meaning: "The resource's service.name.",
  parse: (text) => text
})

export const resourceAttributes = make({
  name: "OTEL_RESOURCE_ATTRIBUTES",
  accepts: "name=value pairs, separated by commas, percent-encoded",
  default: "none",
  meaning: "Attributes of the resource that all telemetry is of, such as k8s.node.name.",
  parse: (text) => pairs(text, () => true)
})

/** Every variable, for the table in the docs. */
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
