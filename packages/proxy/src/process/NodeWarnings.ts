import { Effect, Layer } from "effect"
import { Environment } from "../config/Environment.ts"

const codeOf = (warning: Error): string | undefined =>
  "code" in warning && typeof warning.code === "string" ? warning.code : undefined

/** Node's own warnings (deprecations, leaked listeners, ...) as lines of the log instead of text among them. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(
  Effect.gen(function* () {
    const { onWarning } = yield* Environment
    const log = Effect.runForkWith(yield* Effect.context<never>())
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        onWarning((warning) => {
          const code = codeOf(warning)
          log(
            Effect.logWarning("warning from Node", {
              name: warning.name,
              ...(code === undefined ? {} : { code }),
              warning: warning.message
            })
          )
        })
      ),
      (forget) => Effect.sync(forget)
    )
  })
)
