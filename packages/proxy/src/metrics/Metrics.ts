import { cacheResults } from "@registry-packages-proxy/digest-cache/CacheResult"
import { labelled, others } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"

const prefix = "registry_packages_proxy"

const telemetryLostTotal = Metric.counter(`${prefix}_telemetry_lost_total`, {
  description:
    "Spans, metric points and log lines that could not be exported, by signal: traces, metrics, logs",
  incremental: true
})

const signals = ["traces", "metrics", "logs"] as const
const lost = labelled(telemetryLostTotal, { signal: signals })

/** Counts what could not be exported. */
export const telemetryLost = (signal: (typeof signals)[number]) => lost({ signal })

const requestsTotal = Metric.counter(`${prefix}_requests_total`, {
  description:
    "Requests answered, by handler, method and status code; 499: the client left before its answer",
  incremental: true
})

/** Counts requests answered; the handler is a route's name, or `unknown`. */
export const requests = labelled(requestsTotal, { handler: others, method: others, code: others })

/** 1 where V8 refused the code that came with the executable. */
export const codeCacheRejected = Metric.gauge(`${prefix}_code_cache_rejected`, {
  description:
    "1 while V8 runs code it compiled itself, since it refused what came with the executable; else 0"
})

/** Connections closed because the client took nothing of what was sent to it. */
export const stalledConnections = Metric.counter(`${prefix}_stalled_connections_total`, {
  description:
    "Connections closed because their client took no byte of a response for 60 seconds, or sent requests ahead of answers and nothing more for 75",
  incremental: true
})

/** Seconds from 1 ms to 10 min. */
export const boundaries = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600
]

/** The cache result of a request; none for a problem, or another path. */
export const cacheLabels = [...cacheResults, "none"] as const
export type CacheLabel = (typeof cacheLabels)[number]

const firstByteSeconds = Metric.histogram(`${prefix}_request_first_byte_seconds`, {
  description:
    "Seconds from a package request's head to the first byte of its answer, by cache result: hit, memory, miss, collapsed, bypass, none (a problem)",
  boundaries
})

const requestSecondsTotal = Metric.histogram(`${prefix}_request_seconds`, {
  description: "Seconds from a request's head to the end of its answer, by handler and cache result",
  boundaries
})

const responseBytesTotal = Metric.counter(`${prefix}_response_bytes_total`, {
  description: "Bytes of bodies handed to connections of package requests, by cache result",
  incremental: true
})

const buildInfoGauge = Metric.gauge(`${prefix}_build_info`, {
  description: "1; the labels tell the version of the program and of Node that it runs on"
})

/** Seconds to the first byte of a package's answer. */
export const firstByte = labelled(firstByteSeconds, { cache: cacheLabels }, boundaries)

/** Seconds to the end of an answer. */
export const requestSeconds = labelled(
  requestSecondsTotal,
  { handler: others, cache: cacheLabels },
  boundaries
)

/** Bytes of packages, and of problems in place of them. */
export const responseBytes = labelled(responseBytesTotal, { cache: cacheLabels })

export const buildInfo = labelled(buildInfoGauge, { version: others, node: others })

/** 1 while the program is ready, as /readyz tells it. */
export const ready = Metric.gauge(`${prefix}_ready`, {
  description: "1 while /readyz answers 200, else 0"
})

/** The memory that the program may have, in bytes. */
export const memoryLimit = Metric.gauge(`${prefix}_memory_limit_bytes`, {
  description: "Bytes of memory that the program's control group may have; absent where it has no limit"
})

// The names that Prometheus' own clients give to figures of a process.

export const cpuSeconds = Metric.counter("process_cpu_seconds_total", {
  description: "Seconds of processor time, of user and system",
  incremental: true
})

export const residentMemory = Metric.gauge("process_resident_memory_bytes", {
  description: "Bytes of resident memory, mapped files included"
})

export const startTime = Metric.gauge("process_start_time_seconds", {
  description: "When the process began, in seconds since the epoch"
})

export const openDescriptors = Metric.gauge("process_open_fds", {
  description: "Open file descriptors"
})

export const maxDescriptors = Metric.gauge("process_max_fds", {
  description: "The most file descriptors that may be open"
})

export const heapUsed = Metric.gauge("nodejs_heap_size_used_bytes", {
  description: "Bytes of V8's heap that are in use"
})

export const eventLoopUtilization = Metric.gauge("nodejs_eventloop_utilization_ratio", {
  description: "The share of time since the figure before in which the event loop did not wait, from 0 to 1"
})
