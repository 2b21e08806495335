import { Option, Result, Schema } from "effect"
import { parseFailure } from "../text/TextSchema.ts"

/** A text that a flag does not accept. `reason` completes a sentence that begins with the text: `is not a duration`. */
export interface RejectedText {
  readonly text: string
  readonly reason: string
}

/**
 * A command-line flag and its environment variable. `decode` receives all texts that were given for the flag. If no
 * text was given, `decode` returns the default value.
 */
export interface Flag<out A> {
  readonly name: string
  /** The value's placeholder in --help; undefined for a boolean flag, which accepts a value only after `=`. */
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
  /** The accepted texts, in words that follow "accepted:". */
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

/** A flag with one value. `default` is decoded like a given text. */
export const single = <A>({ schema, ...rest }: Options<A>): Flag<A> => {
  const decode = decodeWith(schema)
  return { ...rest, repeatable: false, decode: ([text = rest.default]) => decode(text) }
}

/**
 * A flag with an optional value. `default` is a text for --help that describes the absence of a value. If `default` is
 * `off`, the text `off` also means no value.
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
 * A flag that may be given several times. Its variable holds several values, separated by commas. Duplicates are
 * dropped.
 */
export const repeated = <A>({ schema, ...rest }: Options<A>): Flag<ReadonlyArray<A>> => {
  const decode = decodeWith(schema)
  return { ...rest, repeatable: true, decode: (texts) => Result.all([...new Set(texts)].map(decode)) }
}

/** A boolean flag. The default is false. */
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

/** The name of a flag's environment variable. */
export const variableName = (flag: Flag<unknown>): string =>
  `REGISTRY_PACKAGES_PROXY_${flag.name.toUpperCase().replaceAll("-", "_")}`
