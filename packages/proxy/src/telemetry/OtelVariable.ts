import { Option, Result } from "effect"
import { quote } from "../text/SafeText.ts"
import { UsageError } from "../config/UsageError.ts"

/** Environment variables, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>

/**
 * A standard variable of OpenTelemetry's: how its text becomes a value. `accepts` and `meaning` are for messages and the
 * table in the docs.
 */
export interface OtelVariable<out A> {
  readonly name: string
  readonly accepts: string
  /** In words; the value of a variable that is not set is decided where it is read. */
  readonly default: string
  readonly meaning: string
  /** Its value may hold a secret, and is in no message. */
  readonly secret: boolean
  /** Undefined for a text that is not accepted. */
  readonly parse: (text: string) => A | undefined
}

/** Declares a variable whose value is no secret. */
export const make = <A>(options: Omit<OtelVariable<A>, "secret">): OtelVariable<A> => ({
  ...options,
  secret: false
})

/** Declares a variable that may hold a secret. */
export const makeSecret = <A>(options: Omit<OtelVariable<A>, "secret">): OtelVariable<A> => ({
  ...options,
  secret: true
})

/** The same variable under another name: of one signal, which beats the one of all. */
export const renamed = <A>(variable: OtelVariable<A>, name: string): OtelVariable<A> => ({
  ...variable,
  name
})

/** The value of the first variable that is set; an empty one is not. Fails with its name where it is not accepted. */
export const read = <A>(
  variables: Variables,
  ...candidates: ReadonlyArray<OtelVariable<A>>
): Result.Result<Option.Option<A>, UsageError> => {
  const chosen = candidates.find(({ name }) => (variables[name] ?? "") !== "")
  if (chosen === undefined) return Result.succeed(Option.none())
  const text = variables[chosen.name] ?? ""
  const value = chosen.parse(text.trim())
  if (value !== undefined) return Result.succeed(Option.some(value))
  const problem = chosen.secret ? "is not valid" : `${quote(text)} is not valid`
  return Result.fail(
    new UsageError({
      message: `${chosen.name}${chosen.secret ? " " : ": "}${problem}; accepted: ${chosen.accepts}`
    })
  )
}
