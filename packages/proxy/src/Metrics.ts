import { Metric } from "effect"

const prefix = "registry_packages_proxy"

const telemetryLostTotal = Metric.counter(`${prefix}_telemetry_lost_total`, {
  description:
    "Spans, metric points and log lines that could not be exported, by signal: traces, metrics, logs",
  incremental: true
})

/** Counts what could not be exported. */
export const telemetryLost = (signal: "traces" | "metrics" | "logs") =>
  Metric.withAttributes(telemetryLostTotal, { signal })

/** Requests answered, by `handler` (package, healthz, readyz, metrics, unknown), `method` and `code`. */
export const requests = Metric.counter(`${prefix}_requests_total`, {
  description:
    "Requests answered, by handler, method and status code; 499: the client left before its answer",
  incremental: true
})
