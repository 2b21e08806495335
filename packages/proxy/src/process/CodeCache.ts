import { Effect, Layer, Metric } from "effect"
import { type ProgramForm, programForm } from "../build/ProgramForm.ts"
import { codeCacheRejected } from "../metrics/Metrics.ts"

/**
 * Sets the metric `codeCacheRejected`. Logs a warning if V8 rejected the executable's code cache, since V8 then
 * compiles the program at each start.
 */
export const report = (form: ProgramForm): Effect.Effect<void> => {
  const isRejected = form === "executable, code cache rejected"
  return Effect.andThen(
    Metric.update(codeCacheRejected, isRejected ? 1 : 0),
    isRejected
      ? Effect.logWarning("code cache rejected: V8 compiles the program, slower start and more memory", {
          remedy: "remove V8 flags from NODE_OPTIONS"
        })
      : Effect.void
  )
}

/** When the layer is built, calls `report` once with the result of `programForm`. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(Effect.suspend(() => report(programForm())))
