import { Effect, Metric, Predicate } from "effect"
import * as Metrics from "../Metrics.ts"

/** Whether the disk works, told apart by what is done to it: a volume can refuse writes and go on giving what it has. */
export type DiskUse = "read" | "write"

/** The system's own word for what failed (ENOSPC, EROFS, EIO...), which a PlatformError's reasons fold together. */
const codeOf = (cause: unknown, depth = 5): string => {
  if (Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code)) return cause.code
  if (depth === 0 || !Predicate.isObject(cause)) return "unknown reason"
  const inner = Predicate.hasProperty(cause, "reason")
    ? cause.reason
    : Predicate.hasProperty(cause, "cause")
      ? cause.cause
      : undefined
  return codeOf(inner, depth - 1)
}

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
          `the cache directory fails to ${use} (${codeOf(cause)}); packages pass by the cache meanwhile`,
          cause
        )
      }).pipe(Effect.andThen(report)),
    works: (use: DiskUse): Effect.Effect<void> =>
      Effect.suspend(() =>
        failing.delete(use)
          ? Effect.andThen(Effect.logInfo(`the cache directory works again (${use})`), report)
          : Effect.void
      ),
    degraded: Effect.sync(() => failing.size > 0)
  }
}

export type DiskHealth = ReturnType<typeof make>
