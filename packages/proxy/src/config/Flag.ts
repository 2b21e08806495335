import { Option, Result, Schema } from "effect"
import { parseFailure } from "../text/TextSchema.ts"

/**
 * A text that a flag does not accept. `reason` continues a sentence that begins with the text, for example `is not a
 * duration`.
 */
export interface RejectedText {
  readonly text: string
  readonly reason: string
}

/**
 * A command-line flag and its environment variable. `decode` converts the texts given for the flag to its value. If no
 * text is given, `decode` returns the default value.
 */
export interface Flag<out A> {
  readonly name: string
  /**
   * The placeholder of the value in --help. Undefined for a boolean flag. A boolean flag accepts a value only after
   * `=`.
   */
  readonly metavar: string | undefined
  readonly repeatable: boolean
  readonly accepts: string
  readonly default: string
  readonly description: string
  readonly decode: (texts: ReadonlyArray<string>) => Result.Result<A, RejectedText>
}

/** The type of a flag's decoded value. */
export type Value<F> = F extends Flag<infer A> ? A : never

type TextSchema<A> = Schema.ConstraintDecoder<A> & { readonly Encoded: string }

interface Options<A> {
  readonly name: string
  readonly metavar: string
  /** A description of the accepted texts, for --help and error messages. It follows the word "accepted". */
  readonly accepts: string
  readonly default: string
  readonly description: string
  readonly schema: TextSchema<A>
}

const decodeWith = <A>(schema: TextSchema<A>): ((text: string) => Result.Result<A, RejectedText>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (text) =>
    Result.mapError(decode(text), (error) => ({ text, reason: parseFailure(error.issue) ?? "is not valid" }))
}

/** Makes a flag with exactly one value. If the flag is not given, its value is decoded from the text `default`. */
export const single = <A>({ schema, ...rest }: Options<A>): Flag<A> => {
  const decode = decodeWith(schema)
  return { ...rest, repeatable: false, decode: ([text = rest.default]) => decode(text) }
}

/**
 * Makes a flag that may be absent. The value of an absent flag is none. `default` is a text for --help that describes
 * the behaviour without the flag. This text is not decoded. If `default` is `off`, the value is also none when the user
 * gives `off`.
 */
export const optional = <A>({ schema, ...rest }: Options<A>): Flag<Option.Option<A>> => {
  const decode = decodeWith(schema)
  return {
    ...rest,
    repeatable: false,
    decode: ([text]) =>
      text === undefined || (text === "off" && rest.default === "off")
        ? Result.succeed(Option.none())
        : Result.map(decode(text), Option.some)
  }
}

/**
 * Makes a flag that may be given several times. Its environment variable holds several values, separated by commas.
 * Duplicate values are dropped.
 */
export const repeated = <A>({ schema, ...rest }: Options<A>): Flag<ReadonlyArray<A>> => {
  const decode = decodeWith(schema)
  return { ...rest, repeatable: true, decode: (texts) => Result.all([...new Set(texts)].map(decode)) }
}

/** Makes a boolean flag with the default value false. */
export const toggle = (options: { readonly name: string; readonly description: string }): Flag<boolean> => ({
  ...options,
  metavar: undefined,
  repeatable: false,
  accepts: "true or false",
  default: "false",
  decode: ([text = "false"]) => {
    const lower = text.toLowerCase()
    return lower === "true" || lower === "1"
      ? Result.succeed(true)
      : lower === "false" || lower === "0"
        ? Result.succeed(false)
        : Result.fail({ text, reason: "is not valid" })
  }
})

/** Returns the name of a flag's environment variable. */
export const variableName = (flag: Flag<unknown>): string =>
  `REGISTRY_PACKAGES_PROXY_${flag.name.toUpperCase().replaceAll("-", "_")}`
