import { cacheResults } from "@registry-packages-proxy/digest-cache/CacheResult"
import { labelled, anyValue } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"

const prefix = "registry_packages_proxy"

const telemetryLostTotal = Metric.counter(`${prefix}_telemetry_lost_total`, {
  description:
    "Spans, metric points and log lines that could not be exported, by signal: traces, metrics, logs",
  incremental: true
})

const signals = ["traces", "metrics", "logs"] as const
const lost = labelled(telemetryLostTotal, { signal: signals })

/** Returns the counter of the spans, metric points or log lines of this signal that could not be exported. */
export const telemetryLost = (signal: (typeof signals)[number]) => lost({ signal })

const requestsTotal = Metric.counter(`${prefix}_requests_total`, {
  description:
    "Requests answered, by handler, method and status code; 499: the client disconnected before the response",
  incremental: true
})

/**
 * Counts completed requests. `handler` is a route's name or `unknown`. `code` is 499 if the client disconnected before
 * the response.
 */
export const requests = labelled(requestsTotal, { handler: anyValue, method: anyValue, code: anyValue })

/** 1 if V8 rejected the executable's code cache, else 0. */
export const codeCacheRejected = Metric.gauge(`${prefix}_code_cache_rejected`, {
  description: "1 if V8 rejected the executable's code cache and compiles the program itself; else 0"
})

/** Counts connections that were closed because the client stopped reading or sending. */
export const stalledConnections = Metric.counter(`${prefix}_stalled_connections_total`, {
  description:
    "Connections closed because their client read no byte of a response for 60 seconds, " +
    "or pipelined requests and sent nothing more for 75 seconds",
  incremental: true
})

const refusedConnectionsTotal = Metric.counter(`${prefix}_refused_connections_total`, {
  description:
    "Connections closed without a response, by reason: too_many_connections, buffered_bytes (too many bytes of waiting " +
    "requests), unreadable (a malformed request or CONNECT while a response is in progress)",
  incremental: true
})

/**
 * The reasons for closing a connection without a response. `too_many_connections` means that the listener has its
 * maximum number of connections. `buffered_bytes` means that the listener would buffer too many request bytes.
 * `unreadable` means that the client sent a bad request while the response to another request was in progress. A bad
 * request is a CONNECT, or a request that is malformed, too long or too slow.
 */
const refusedConnectionReasons = ["too_many_connections", "buffered_bytes", "unreadable"] as const
export type RefusedConnectionReason = (typeof refusedConnectionReasons)[number]

/** Counts connections that were closed without a response. */
export const refusedConnections = labelled(refusedConnectionsTotal, { reason: refusedConnectionReasons })

/** The upper boundaries of the buckets of the histograms for requests, in seconds. */
export const secondsBoundaries = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600
]

/**
 * The values of the label `cache`. They are the cache results, and `none` for a request without a cache result, for
 * example because it failed.
 */
export const cacheLabels = [...cacheResults, "none"] as const
export type CacheLabel = (typeof cacheLabels)[number]

const firstByteSeconds = Metric.histogram(`${prefix}_request_first_byte_seconds`, {
  description:
    "Seconds from a package request's head to the first byte of its response, by cache result: " +
    "hit, memory, miss, collapsed, bypass, none (an error)",
  boundaries: secondsBoundaries
})

const requestSecondsTotal = Metric.histogram(`${prefix}_request_seconds`, {
  description: "Seconds from a request's head to the end of its response, by handler and cache result",
  boundaries: secondsBoundaries
})

const responseBytesTotal = Metric.counter(`${prefix}_response_bytes_total`, {
  description: "Bytes of response bodies of package requests, by cache result",
  incremental: true
})

const buildInfoGauge = Metric.gauge(`${prefix}_build_info`, {
  description: "Always 1; the labels are the versions of the program and of Node"
})

/** Measures the seconds from a package request's head to the first byte of its response. */
export const timeToFirstByte = labelled(firstByteSeconds, { cache: cacheLabels }, secondsBoundaries)

/** Measures the seconds from a request's head to the end of its response. */
export const requestSeconds = labelled(
  requestSecondsTotal,
  { handler: anyValue, cache: cacheLabels },
  secondsBoundaries
)

/** Counts the bytes in the response bodies of package requests. */
export const responseBytes = labelled(responseBytesTotal, { cache: cacheLabels })

export const buildInfo = labelled(buildInfoGauge, { version: anyValue, node: anyValue })

/** 1 while /readyz answers 200, else 0. */
export const ready = Metric.gauge(`${prefix}_ready`, {
  description: "1 while /readyz answers 200, else 0"
})

/** The memory limit of the program's control group, in bytes. Absent if there is no limit. */
export const memoryLimit = Metric.gauge(`${prefix}_memory_limit_bytes`, {
  description: "Memory limit of the program's control group in bytes; absent if there is none"
})

// The following metrics have the names that Prometheus' client libraries use.

export const cpuSeconds = Metric.counter("process_cpu_seconds_total", {
  description: "User and system CPU time, in seconds",
  incremental: true
})

export const residentMemory = Metric.gauge("process_resident_memory_bytes", {
  description: "Bytes of resident memory, mapped files included"
})

export const startTime = Metric.gauge("process_start_time_seconds", {
  description: "Start time of the process, in seconds since the epoch"
})

export const openDescriptors = Metric.gauge("process_open_fds", {
  description: "Open file descriptors"
})

export const maxDescriptors = Metric.gauge("process_max_fds", {
  description: "Maximum number of open file descriptors"
})

export const heapUsed = Metric.gauge("nodejs_heap_size_used_bytes", {
  description: "Used bytes of V8's heap"
})

export const eventLoopUtilization = Metric.gauge("nodejs_eventloop_utilization_ratio", {
  description: "Share of time since the previous scrape in which the event loop was busy, from 0 to 1"
})
