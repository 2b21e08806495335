import { assert, describe, it } from "@effect/vitest"
import { Duration, Option, Redacted, Result } from "effect"
import * as OtelVariables from "../../src/telemetry/OtelVariables.ts"
import * as TelemetrySettings from "../../src/telemetry/TelemetrySettings.ts"

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }
const parse = (variables: Readonly<Record<string, string>>) =>
  Result.getOrThrow(TelemetrySettings.parse(variables))

/** Returns the signals (traces, metrics, logs) that these environment variables enable. */
const signalsOf = (variables: Readonly<Record<string, string>>) => {
  const settings = parse(variables)
  return OtelVariables.signals.filter((signal) => Option.isSome<unknown>(settings[signal]))
}

const urlOf = (variables: Readonly<Record<string, string>>) =>
  Option.getOrUndefined(Option.flatMap(parse(variables).traces, ({ collector }) => collector))?.url

describe("the standard variables of OpenTelemetry", () => {
  it("enable traces by an endpoint, metrics and logs by an endpoint and their exporter", () => {
    const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector/mine" }
    for (const [variables, signals] of [
      [{}, []],
      [endpoint, ["traces"]],
      [traces, ["traces"]],
      [{ OTEL_EXPORTER_OTLP_ENDPOINT: "" }, []],
      [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://collector/mine" }, []],
      [{ OTEL_TRACES_EXPORTER: "console" }, ["traces"]],
      [{ OTEL_TRACES_EXPORTER: "otlp" }, []],
      [{ ...endpoint, OTEL_TRACES_EXPORTER: "none" }, []],
      [{ ...endpoint, OTEL_METRICS_EXPORTER: "otlp" }, ["traces", "metrics"]],
      [{ ...traces, OTEL_METRICS_EXPORTER: "otlp" }, ["traces"]],
      [{ ...endpoint, OTEL_LOGS_EXPORTER: "otlp", OTEL_TRACES_EXPORTER: "none" }, ["logs"]],
      [{ ...endpoint, OTEL_SDK_DISABLED: "TRUE", OTEL_LOGS_EXPORTER: "otlp" }, []]
    ] as const) {
      assert.strictEqual(signalsOf(variables).join(), signals.join(), JSON.stringify(variables))
    }
  })

  it("append a signal's path to the common endpoint, and nothing to a signal's own endpoint", () => {
    assert.strictEqual(urlOf(endpoint), "http://collector:4318/v1/traces")
    assert.strictEqual(
      urlOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector/base/" }),
      "https://collector/base/v1/traces"
    )
    assert.strictEqual(
      urlOf({ ...endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://other/mine" }),
      "http://other/mine"
    )
  })

  it("of a signal take precedence; headers and attributes are decoded", () => {
    const settings = parse({
      ...endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20one, x-tenant=a",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=Bearer%20two",
      OTEL_EXPORTER_OTLP_TIMEOUT: "250",
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
      OTEL_RESOURCE_ATTRIBUTES: "k8s.node.name=master-0,service.name=of%20attributes",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_BSP_MAX_QUEUE_SIZE: "100"
    })
    const traces = Option.getOrThrow(settings.traces)
    const collector = Option.getOrThrow(traces.collector)
    assert.deepStrictEqual(collector.headers === undefined ? {} : Redacted.value(collector.headers), {
      authorization: "Bearer two"
    })
    assert.deepStrictEqual(
      [Duration.toMillis(collector.timeout), collector.compression, collector.protocol],
      [250, "gzip", "http/protobuf"]
    )
    assert.deepStrictEqual([traces.sampler, traces.ratio], ["traceidratio", 0.25])
    assert.deepStrictEqual([traces.batching.maxQueueSize, traces.batching.maxExportBatchSize], [100, 100])
    assert.strictEqual(settings.serviceName, "of attributes")
    assert.strictEqual(parse({ ...endpoint, OTEL_SERVICE_NAME: "mine" }).serviceName, "mine")
  })

  it("with a wrong value are refused by name, with what is accepted and without any secret", () => {
    for (const [name, wrong] of [
      ["OTEL_SDK_DISABLED", "yes"],
      ["OTEL_TRACES_EXPORTER", "zipkin"],
      ["OTEL_METRICS_EXPORTER", "console"],
      ["OTEL_LOGS_EXPORTER", "console"],
      ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"],
      ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:s3cret@collector"],
      ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://s3cret"],
      ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "s3cret"],
      ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "s3cret"],
      ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
      ["OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"],
      ["OTEL_EXPORTER_OTLP_HEADERS", "s3cret"],
      ["OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret"],
      ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret%0d%0ax"],
      ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=%zz"],
      ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s"],
      ["OTEL_EXPORTER_OTLP_TIMEOUT", "0"],
      ["OTEL_EXPORTER_OTLP_COMPRESSION", "br"],
      ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
      ["OTEL_TRACES_SAMPLER_ARG", "1.5"],
      ["OTEL_TRACES_SAMPLER_ARG", "-1"],
      ["OTEL_BSP_MAX_QUEUE_SIZE", "0"],
      ["OTEL_BLRP_SCHEDULE_DELAY", "soon"],
      ["OTEL_METRIC_EXPORT_INTERVAL", "1.5"],
      ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "lowmemory"],
      ["OTEL_PROPAGATORS", "b3"],
      ["OTEL_RESOURCE_ATTRIBUTES", "no pairs"]
    ] as const) {
      const result = TelemetrySettings.parse({ [name]: wrong })
      const message = Result.isFailure(result) ? result.failure.message : "accepted"
      assert.match(message, new RegExp(`^${name}[: ].*is not valid; accepted: .+$`))
      assert.notInclude(message, "s3cret")
    }
  })
})
