import { type Context, Effect } from "effect"
import * as Metrics from "../metrics/Metrics.ts"
import type { Signal } from "./OtelVariables.ts"

/**
 * Counts spans, metric points or log lines that could not be exported. Logs a warning about the first loss since the
 * start or since a successful export.
 */
export interface ExportLoss {
  /** Counts lost items. `reason` is a text from a fixed set or an error code, never the collector's text. */
  readonly add: (count: number, reason: string) => void
  /** Call this after a successful export. The next loss is then logged. */
  readonly reset: () => void
}

/** Makes the `ExportLoss` of one signal. Its counter is `registry_packages_proxy_telemetry_lost_total`. */
export const make = (signal: Signal): Effect.Effect<ExportLoss> =>
  Effect.map(Effect.context<never>(), (context: Context.Context<never>) => {
    const counter = Metrics.telemetryLost(signal)
    // The series exists from the start, so that a rate over the counter includes the first loss.
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
