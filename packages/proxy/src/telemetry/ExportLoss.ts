import { type Context, Effect } from "effect"
import * as Metrics from "../metrics/Metrics.ts"
import type { Signal } from "./OtelVariables.ts"

/** Counts items that could not be exported, and warns when a loss begins. */
export interface ExportLoss {
  /** Counts lost items. `reason` is from a fixed set or an error's code, never a collector's text. */
  readonly add: (count: number, reason: string) => void
  /** Ends the loss after a successful export, so that the next one is warned of again. */
  readonly reset: () => void
}

/** The loss of one signal, counted in `registry_packages_proxy_telemetry_lost_total`. */
export const make = (signal: Signal): Effect.Effect<ExportLoss> =>
  Effect.map(Effect.context<never>(), (context: Context.Context<never>) => {
    const counter = Metrics.telemetryLost(signal)
    // Present from the start, so that a rate over the counter sees the first loss.
    counter.updateUnsafe(0, context)
    const log = Effect.runForkWith(context)
    let isLosing = false
    return {
      add: (count, reason) => {
        if (count === 0) return
        counter.updateUnsafe(count, context)
        if (isLosing) return
        isLosing = true
        log(Effect.logWarning("telemetry lost: the collector does not accept it", { signal, reason, count }))
      },
      reset: () => {
        isLosing = false
      }
    }
  })
