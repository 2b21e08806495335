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
  description: "Tries after the first: attempts before the first byte, resumes of a broken body.",
  incremental: true
})

/** Bytes of package bodies received from upstream. */
export const bytes = Metric.counter(`${prefix}_bytes_total`, {
  description: "Bytes of package bodies received from upstream.",
  incremental: true
})

const requestSeconds = Metric.histogram(`${prefix}_request_seconds`, {
  description: "Seconds from an upstream request to the head of its answer, connecting included.",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
})

export type OperationLabel = "ping" | "manifest" | "blob" | "token"
export type RetryKind = "attempt" | "resume"

const codeLabel = (status: number | "error"): string =>
  status === "error" ? "error" : status >= 100 && status <= 599 ? String(status) : "other"

/** Counts a request; `error` for one that got no answer. */
export const requests = (operation: OperationLabel, status: number | "error") =>
  Metric.withAttributes(requestsTotal, { operation, code: codeLabel(status) })

/** Counts a failed pull. */
export const errors = (reason: RegistryError["reason"]["_tag"]) =>
  Metric.withAttributes(errorsTotal, { reason })

const retriesByKind = {
  attempt: Metric.withAttributes(retriesTotal, { kind: "attempt" }),
  resume: Metric.withAttributes(retriesTotal, { kind: "resume" })
}

/** Counts a try after the first. */
export const retries = (kind: RetryKind) => retriesByKind[kind]

const secondsByOperation = {
  ping: Metric.withAttributes(requestSeconds, { operation: "ping" }),
  manifest: Metric.withAttributes(requestSeconds, { operation: "manifest" }),
  blob: Metric.withAttributes(requestSeconds, { operation: "blob" }),
  token: Metric.withAttributes(requestSeconds, { operation: "token" })
}

/** Records how long a request took, in seconds. */
export const seconds = (operation: OperationLabel) => secondsByOperation[operation]
