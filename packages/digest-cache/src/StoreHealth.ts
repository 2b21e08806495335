import { Effect, Metric } from "effect"
import * as Metrics from "./Metrics.ts"
import { codeOf } from "./internal/disk/DiskError.ts"

/** The use of a store that fails or works: a volume can refuse writes and go on giving what it has. */
export type StoreUse = "read" | "write"

/** The uses of a store that fail now. */
export interface StoreHealth {
  /** Says so once, until it works again. */
  readonly failed: (use: StoreUse, cause: unknown) => Effect.Effect<void>
  readonly works: (use: StoreUse) => Effect.Effect<void>
  /** The last operation of one kind failed, and none of it has succeeded since. */
  readonly degraded: Effect.Effect<boolean>
}

/** Health that is logged and counted; `store` is what the log calls it. */
export const make = (store: string): StoreHealth => {
  const failing = new Set<StoreUse>()

  const report = Effect.suspend(() => Metric.update(Metrics.degraded, failing.size > 0 ? 1 : 0))

  return {
    failed: (use, cause) =>
      Effect.suspend(() => {
        if (failing.has(use)) return Effect.void
        failing.add(use)
        return Effect.logWarning(
          `${store} fails to ${use} (${codeOf(cause) ?? "unknown reason"}); packages pass by the cache meanwhile`,
          cause
        )
      }).pipe(Effect.andThen(report), Effect.uninterruptible),
    works: (use) =>
      Effect.suspend(() =>
        failing.delete(use)
          ? Effect.andThen(Effect.logInfo(`${store} works again (${use})`), report)
          : Effect.void
      ).pipe(Effect.uninterruptible),
    degraded: Effect.sync(() => failing.size > 0)
  }
}
