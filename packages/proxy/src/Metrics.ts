import { Metric } from "effect"

const prefix = "registry_packages_proxy"

/** Requests answered, by `handler` (package, healthz, readyz, metrics, unknown), `method` and `code`. */
export const requests = Metric.counter(`${prefix}_requests_total`, {
  description:
    "Requests answered, by handler, method and status code; 499: the client left before its answer",
  incremental: true
})
