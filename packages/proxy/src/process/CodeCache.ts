import { Effect, Layer, Metric } from "effect"
import { type Form, form } from "../build/Form.ts"
import { codeCacheRejected } from "../metrics/Metrics.ts"

/** Says once, in the log and by a metric, that V8 compiles the program instead of taking the code it came with. */
export const report = (found: Form): Effect.Effect<void> => {
  const isRejected = found === "executable, code cache rejected"
  return Effect.andThen(
    Metric.update(codeCacheRejected, isRejected ? 1 : 0),
    isRejected
      ? Effect.logWarning("code cache rejected, V8 compiles the program: slower start, more memory", {
          remedy: "leave flags of V8's out of NODE_OPTIONS"
        })
      : Effect.void
  )
}

/** Reports this process's form at the start. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(Effect.suspend(() => report(form())))
