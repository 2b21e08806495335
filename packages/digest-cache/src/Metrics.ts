import { Effect, Metric } from "effect"

const prefix = "registry_packages_proxy"

/** The bytes of all packages on disk. The name is the one the replaced service had. */
export const cacheSize = Metric.gauge(`${prefix}_cache_size`, {
  description: "Bytes of the packages in the cache"
})

export const entries = Metric.gauge(`${prefix}_cache_entries`, {
  description: "Packages in the cache"
})

/** How packages were had, by `result`: hit, memory, miss, collapsed or bypass. */
export const results = Metric.counter(`${prefix}_cache_results_total`, {
  description: "Packages opened, by how they were had",
  incremental: true
})

/** Packages evicted, by `reason`: cap or full_disk. */
export const evictions = Metric.counter(`${prefix}_cache_evictions_total`, {
  description: "Packages evicted, by whether the cap or a full volume below it was the reason",
  incremental: true
})

export const fills = Metric.gauge(`${prefix}_cache_fills`, {
  description: "Fills under way"
})

/** Seconds of fills, from their begin to the last byte on disk, or to their failure. */
export const fillSeconds = Metric.histogram(`${prefix}_cache_fill_seconds`, {
  description: "Seconds that fills took, those that failed included",
  boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
})

export const fillFailures = Metric.counter(`${prefix}_cache_fill_failures_total`, {
  description: "Fills whose manifest was read and that ended without a package",
  incremental: true
})

export const degraded = Metric.gauge(`${prefix}_cache_degraded`, {
  description: "1 while the disk fails and packages pass by the cache, else 0"
})

/** Tells what a store holds: the bytes of its packages, and how many they are. */
export const reportUsage = (bytes: number, count: number): Effect.Effect<void> =>
  Effect.andThen(Metric.update(cacheSize, bytes), Metric.update(entries, count))
