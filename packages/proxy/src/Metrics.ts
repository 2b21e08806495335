import { Metric } from "effect"

const prefix = "registry_packages_proxy"

/** Requests answered, by `handler` (package, healthz, readyz, metrics, unknown), `method` and `code`. */
export const requests = Metric.counter(`${prefix}_requests_total`, {
  description:
    "Requests answered, by handler, method and status code; 499: the client left before its answer",
  incremental: true
})

/** Connections closed because the client took nothing of what was sent to it. */
export const stalledConnections = Metric.counter(`${prefix}_stalled_connections_total`, {
  description: "Connections closed because their client took no byte of a response for 60 seconds",
  incremental: true
})
