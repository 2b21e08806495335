import { Duration, Effect, Option, type Scope } from "effect"
import type { ExportLoss } from "../ExportLoss.ts"

/** The time that the program's end waits for telemetry to be sent. */
export const flushTimeout = Duration.seconds(5)

/** When the scope closes, sends the queued items and counts those that could not be sent in time. */
export const register = (
  shutdown: () => Promise<void>,
  loss: ExportLoss,
  unsettled: () => number
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() =>
    Effect.tryPromise(shutdown).pipe(
      // The exporter counts failed exports.
      Effect.ignore,
      Effect.interruptible,
      Effect.timeoutOption(flushTimeout),
      Effect.map((sent) => {
        if (Option.isNone(sent)) loss.add(unsettled(), "stopping")
      })
    )
  )
