import { Effect, Metric } from "effect"
import * as Metrics from "./Metrics.ts"
import { codeOf } from "./internal/disk/DiskError.ts"

/** A kind of store operation. A volume may reject writes and still serve reads. */
export type StoreUse = "read" | "write"

/** Tracks whether a store works, per kind of operation. */
export interface StoreHealth {
  /** Records a failure. Logs the first one after a success. */
  readonly failed: (use: StoreUse, cause: unknown) => Effect.Effect<void>
  /** Records a success. Logs the first one after a failure. */
  readonly succeeded: (use: StoreUse) => Effect.Effect<void>
  /** True if the last operation of any kind failed. */
  readonly degraded: Effect.Effect<boolean>
}

/** Makes a `StoreHealth` that logs changes and sets the `degraded` metric. `store` names the store in the log. */
export const make = (store: string): StoreHealth => {
  const failing = new Set<StoreUse>()

  const report = Effect.suspend(() => Metric.update(Metrics.degraded, failing.size > 0 ? 1 : 0))

  return {
    failed: (use, cause) =>
      Effect.suspend(() => {
        if (failing.has(use)) return Effect.void
        failing.add(use)
        return Effect.logWarning(
          "cache store fails; packages bypass the cache",
          { store, use, code: codeOf(cause) ?? "unknown" },
          cause
        )
      }).pipe(Effect.andThen(report), Effect.uninterruptible),
    succeeded: (use) =>
      Effect.suspend(() =>
        failing.delete(use)
          ? Effect.andThen(Effect.logInfo("cache store works again", { store, use }), report)
          : Effect.void
      ).pipe(Effect.uninterruptible),
    degraded: Effect.sync(() => failing.size > 0)
  }
}
