import { Metric } from "effect"

const prefix = "registry_packages_proxy"

/** Requests answered, by `handler` (package, healthz, readyz, metrics, unknown), `method` and `code`. */
export const requests = Metric.counter(`${prefix}_requests_total`, {
  description:
    "Requests answered, by handler, method and status code; 499: the client left before its answer",
  incremental: true
})

/** 1 where V8 refused the code that came with the executable. */
export const codeCacheRejected = Metric.gauge(`${prefix}_code_cache_rejected`, {
  description:
    "1 while V8 runs code it compiled itself, since it refused what came with the executable; else 0"
})

/** Connections closed because the client took nothing of what was sent to it. */
export const stalledConnections = Metric.counter(`${prefix}_stalled_connections_total`, {
  description: "Connections closed because their client took no byte of a response for 60 seconds",
  incremental: true
})
