import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { Option, Result } from "effect"
import { quote } from "../text/SafeText.ts"
import { UsageError } from "../config/UsageError.ts"

/**
 * A standard environment variable of OpenTelemetry. `accepts` and `meaning` are texts for error messages and for the
 * table in docs/telemetry.md.
 */
export interface OtelVariable<out A> {
  readonly name: string
  readonly accepts: string
  /** The text of the default value. `read` does not apply the default value, so each caller of `read` must apply it. */
  readonly default: string
  readonly meaning: string
  /** True if the value may contain a secret. Error messages then omit the value. */
  readonly secret: boolean
  /** Parses a value. Returns undefined if the value is not accepted. */
  readonly parse: (text: string) => A | undefined
}

/** Declares a variable whose value is not secret. */
export const make = <A>(options: Omit<OtelVariable<A>, "secret">): OtelVariable<A> => ({
  ...options,
  secret: false
})

/** Declares a variable whose value may contain a secret. */
export const makeSecret = <A>(options: Omit<OtelVariable<A>, "secret">): OtelVariable<A> => ({
  ...options,
  secret: true
})

/** Returns a copy of `variable` that has the name `name`. */
export const withName = <A>(variable: OtelVariable<A>, name: string): OtelVariable<A> => ({
  ...variable,
  name
})

/**
 * Returns the parsed value of the first variable in `candidates` that is set and not empty. Returns none if all of them
 * are unset or empty. Fails if the value is not accepted.
 */
export const read = <A>(
  env: EnvironmentVariables,
  ...candidates: ReadonlyArray<OtelVariable<A>>
): Result.Result<Option.Option<A>, UsageError> => {
  const chosen = candidates.find(({ name }) => (env[name] ?? "") !== "")
  if (chosen === undefined) return Result.succeed(Option.none())
  const text = env[chosen.name] ?? ""
  const value = chosen.parse(text.trim())
  if (value !== undefined) return Result.succeed(Option.some(value))
  const problem = chosen.secret ? "is not valid" : `${quote(text)} is not valid`
  return Result.fail(
    new UsageError({
      message: `${chosen.name}${chosen.secret ? " " : ": "}${problem}; accepted: ${chosen.accepts}`
    })
  )
}
