import { Effect, Layer } from "effect"
import { ProcessEnvironment } from "../config/ProcessEnvironment.ts"

const codeOf = (warning: Error): string | undefined =>
  "code" in warning && typeof warning.code === "string" ? warning.code : undefined

/**
 * Logs Node's warnings, for example about deprecations and leaked listeners. Otherwise, Node would print them as plain
 * text on stderr.
 */
export const layer: Layer.Layer<never> = Layer.effectDiscard(
  Effect.gen(function* () {
    const { onWarning } = yield* ProcessEnvironment
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
      (restore) => Effect.sync(restore)
    )
  })
)
