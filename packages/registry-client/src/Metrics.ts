import { labelled, anyValue } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"
import type { RegistryError } from "./RegistryError.ts"

const prefix = "registry_packages_proxy_upstream"

const requestsTotal = Metric.counter(`${prefix}_requests_total`, {
  description: "Requests sent to registries, blob stores and token services, by operation and status code.",
  incremental: true
})

const errorsTotal = Metric.counter(`${prefix}_errors_total`, {
  description: "Pulls from upstream that failed after all attempts, by reason.",
  incremental: true
})

const retriesTotal = Metric.counter(`${prefix}_retries_total`, {
  description: "Retries, by kind: attempt (before the first byte), resume (of a broken body).",
  incremental: true
})

/** The counter of bytes of package bodies that were received from upstream. */
export const bodyBytes = Metric.counter(`${prefix}_bytes_total`, {
  description: "Bytes of package bodies received from upstream.",
  incremental: true
})

const boundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const requestSeconds = Metric.histogram(`${prefix}_request_seconds`, {
  description:
    "Seconds from an upstream request to the head of its response, including the connection, by operation.",
  boundaries
})

const operations = ["ping", "manifest", "blob", "token"] as const
/**
 * The operation of a request to an upstream server. `ping` is `GET /v2/`. `manifest` and `blob` are requests to a
 * registry or its redirect target. `token` is a request to a token service.
 */
export type UpstreamOperation = (typeof operations)[number]
const retryKinds = ["attempt", "resume"] as const
export type RetryKind = (typeof retryKinds)[number]

const codeLabel = (status: number | "error"): string =>
  status === "error" ? "error" : status >= 100 && status <= 599 ? String(status) : "other"

const requestsBy = labelled(requestsTotal, { operation: operations, code: anyValue })
const errorsBy = labelled(errorsTotal, { reason: anyValue })
const retriesBy = labelled(retriesTotal, { kind: retryKinds })
const secondsBy = labelled(requestSeconds, { operation: operations }, boundaries)

/**
 * Returns the counter of requests with this operation and status. `status` is `error` for a request without a response.
 */
export const requests = (operation: UpstreamOperation, status: number | "error") =>
  requestsBy({ operation, code: codeLabel(status) })

/** Returns the counter of pulls that failed for this reason. */
export const errors = (reason: RegistryError["reason"]["_tag"]) => errorsBy({ reason })

/**
 * Returns the counter of retries. `attempt` is a retry before the first byte. `resume` is a resume of a broken body.
 */
export const retries = (kind: RetryKind) => retriesBy({ kind })

/** Returns the histogram of the time from a request to the head of its response, in seconds. */
export const requestDuration = (operation: UpstreamOperation) => secondsBy({ operation })
