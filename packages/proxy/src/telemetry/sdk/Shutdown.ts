import { Effect, Option, type Scope } from "effect"
import type { Loss } from "../Loss.ts"

/** The longest that the end of the program waits for telemetry to be sent. */
export const flushTimeout = "5 seconds"

/** Sends what waits when the scope ends, and counts what could not be sent in time. */
export const register = (
  shutdown: () => Promise<void>,
  loss: Loss,
  waiting: () => number
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() =>
    Effect.tryPromise(shutdown).pipe(
      // A failed export is counted where it failed.
      Effect.ignore,
      Effect.interruptible,
      Effect.timeoutOption(flushTimeout),
      Effect.map((sent) => {
        if (Option.isNone(sent)) loss.lost(waiting(), "stopping")
      })
    )
  )
