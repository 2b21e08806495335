import { Effect, Layer, Metric } from "effect"
import { type ProgramForm, programForm } from "../build/ProgramForm.ts"
import { codeCacheRejected } from "../metrics/Metrics.ts"

/** Reports, in the log and by a metric, if V8 rejected the executable's code cache and compiles the program instead. */
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

/** Reports once, at the start. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(Effect.suspend(() => report(programForm())))
