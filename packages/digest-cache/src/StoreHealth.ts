import { Effect, Metric } from "effect"
import * as Metrics from "./Metrics.ts"
import { codeOf } from "./internal/disk/DiskError.ts"

/** Whether the disk works, told apart by what is done to it: a volume can refuse writes and go on giving what it has. */
export type DiskUse = "read" | "write"

export const make = () => {
  const failing = new Set<DiskUse>()

  const report = Effect.suspend(() => Metric.update(Metrics.degraded, failing.size > 0 ? 1 : 0))

  return {
    /** Says so once, until it works again. */
    failed: (use: DiskUse, cause: unknown): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (failing.has(use)) return Effect.void
        failing.add(use)
        return Effect.logWarning(
          `the cache directory fails to ${use} (${codeOf(cause) ?? "unknown reason"}); packages pass by the cache meanwhile`,
          cause
        )
      }).pipe(Effect.andThen(report), Effect.uninterruptible),
    works: (use: DiskUse): Effect.Effect<void> =>
      Effect.suspend(() =>
        failing.delete(use)
          ? Effect.andThen(Effect.logInfo(`the cache directory works again (${use})`), report)
          : Effect.void
      ).pipe(Effect.uninterruptible),
    degraded: Effect.sync(() => failing.size > 0)
  }
}

export type DiskHealth = ReturnType<typeof make>
