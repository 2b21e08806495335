import { type Context, Effect } from "effect"
import * as Metrics from "../metrics/Metrics.ts"
import type { Signal } from "./OtelVariables.ts"

/** Counts what could not be exported, and says so once each time it begins. */
export interface Loss {
  readonly lost: (count: number, reason: string) => void
  /** An export succeeded: the next loss is said again. */
  readonly exported: () => void
}

/** The loss of one signal. `reason` is from a fixed set, or an error's code; what a collector answers is not repeated. */
export const make = (signal: Signal): Effect.Effect<Loss> =>
  Effect.map(Effect.context<never>(), (context: Context.Context<never>) => {
    const counter = Metrics.telemetryLost(signal)
    // Counted from the start, so that a rate over it sees the first loss.
    counter.updateUnsafe(0, context)
    const log = Effect.runForkWith(context)
    let isLosing = false
    return {
      lost: (count, reason) => {
        if (count === 0) return
        counter.updateUnsafe(count, context)
        if (isLosing) return
        isLosing = true
        log(Effect.logWarning("telemetry lost, the collector does not take it", { signal, reason, count }))
      },
      exported: () => {
        isLosing = false
      }
    }
  })
