import { Duration, Effect, Option, type Scope } from "effect"
import type { ExportLoss } from "../ExportLoss.ts"

/** Maximum time for which the end of the program is delayed to send telemetry. */
export const flushTimeout = Duration.seconds(5)

/**
 * Calls `shutdown` when the scope closes, to send the queued items. If that takes longer than `flushTimeout`, counts
 * the `unsettled` items as lost.
 */
export const register = (
  shutdown: () => Promise<void>,
  loss: ExportLoss,
  unsettled: () => number
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() =>
    Effect.tryPromise(shutdown).pipe(
      // The exporter has already counted failed exports.
      Effect.ignore,
      Effect.interruptible,
      Effect.timeoutOption(flushTimeout),
      Effect.map((sent) => {
        if (Option.isNone(sent)) loss.add(unsettled(), "stopping")
      })
    )
  )
