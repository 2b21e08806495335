import { labelled, forEachValue } from "@registry-packages-proxy/metrics/Labelled"
import { Effect, Metric } from "effect"
import { cacheResults } from "./CacheResult.ts"

const prefix = "registry_packages_proxy"

/** The total size of the packages in the store, in bytes. */
export const cacheSize = Metric.gauge(`${prefix}_cache_size`, {
  description: "Bytes of the packages in the cache"
})

export const cacheEntries = Metric.gauge(`${prefix}_cache_entries`, {
  description: "Packages in the cache"
})

const results = Metric.counter(`${prefix}_cache_results_total`, {
  description: "Packages opened, by result: hit, memory, miss, collapsed, bypass",
  incremental: true
})

const resultsBy = labelled(results, { result: cacheResults })

/** Counts opened packages, by result. */
export const opened = forEachValue(cacheResults, (result) => resultsBy({ result }))

const evictions = Metric.counter(`${prefix}_cache_evictions_total`, {
  description: "Packages evicted, by reason: cap, full_disk (the volume is full below the cap)",
  incremental: true
})

const evictionReasons = ["cap", "full_disk"] as const
export type EvictionReason = (typeof evictionReasons)[number]

/** Counts evicted packages, by reason. */
export const evicted = labelled(evictions, { reason: evictionReasons })

export const fillsInProgress = Metric.gauge(`${prefix}_cache_fills`, {
  description: "Fills in progress"
})

/** The duration of fills in seconds, from the start to the commit or the failure. */
export const fillSeconds = Metric.histogram(`${prefix}_cache_fill_seconds`, {
  description: "Duration of fills in seconds, including failed ones",
  boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
})

export const fillFailures = Metric.counter(`${prefix}_cache_fill_failures_total`, {
  description: "Fills that failed after their manifest was read",
  incremental: true
})

export const degraded = Metric.gauge(`${prefix}_cache_degraded`, {
  description: "1 while the store fails and packages bypass the cache, else 0"
})

/** Sets the metrics for the total size, in bytes, and the number of the packages in a store. */
export const reportUsage = (bytes: number, count: number): Effect.Effect<void> =>
  Effect.andThen(Metric.update(cacheSize, bytes), Metric.update(cacheEntries, count))
