import { Duration, Effect, Option, type Scope } from "effect"
import type { ExportLoss } from "../ExportLoss.ts"

/** Maximum time for which the program delays its end to send telemetry. */
export const flushTimeout = Duration.seconds(5)

/**
 * Adds a finalizer to the scope. The finalizer calls `shutdown`, which sends the queued items. If `shutdown` takes
 * longer than {@link flushTimeout}, the finalizer adds `unsettled()`, the number of items whose export has not ended,
 * to `loss`.
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
