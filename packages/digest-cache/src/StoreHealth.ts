import { Effect, Metric } from "effect"
import * as Metrics from "./Metrics.ts"
import { errorCode } from "./internal/disk/DiskError.ts"

/** A kind of store operation. A volume may reject writes and still serve reads. */
export type StoreOperation = "read" | "write"

/** Tracks which kinds of operations of a store currently fail. */
export interface StoreHealth {
  /** Records a failure. Logs the failure unless the previous operation of the same kind also failed. */
  readonly recordFailure: (operation: StoreOperation, cause: unknown) => Effect.Effect<void>
  /** Records a success. Logs the success if the previous operation of the same kind failed. */
  readonly recordSuccess: (operation: StoreOperation) => Effect.Effect<void>
  /** True if the last recorded read or the last recorded write failed. */
  readonly degraded: Effect.Effect<boolean>
}

/**
 * Makes a `StoreHealth` that also sets the metric `registry_packages_proxy_cache_degraded`. `storeName` is the name of
 * the store in log messages.
 */
export const make = (storeName: string): StoreHealth => {
  const failing = new Set<StoreOperation>()

  const report = Effect.suspend(() => Metric.update(Metrics.degraded, failing.size > 0 ? 1 : 0))

  return {
    recordFailure: (operation, cause) =>
      Effect.suspend(() => {
        if (failing.has(operation)) return Effect.void
        failing.add(operation)
        return Effect.logWarning(
          "cache store fails; packages bypass the cache",
          { store: storeName, use: operation, code: errorCode(cause) ?? "unknown" },
          cause
        )
      }).pipe(Effect.andThen(report), Effect.uninterruptible),
    recordSuccess: (operation) =>
      Effect.suspend(() =>
        failing.delete(operation)
          ? Effect.andThen(
              Effect.logInfo("cache store works again", { store: storeName, use: operation }),
              report
            )
          : Effect.void
      ).pipe(Effect.uninterruptible),
    degraded: Effect.sync(() => failing.size > 0)
  }
}
