import { Option, Result, Schema } from "effect"
import { parseFailure } from "../text/TextSchema.ts"

/** A text that a flag does not accept. `reason` is a predicate that follows the text. */
export interface RejectedText {
  readonly text: string
  readonly reason: string
}

/** A command-line flag and its environment variable. `decode` gets all texts given; for none it decodes the default. */
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

/** The value a flag decodes to. */
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

/** A flag with an optional value. `default` describes its absence; if it is `off`, the text `off` means no value. */
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
 * A flag that may be given several times; duplicates are dropped. Its variable holds several values, separated by
 * commas.
 */
export const repeated = <A>({ schema, ...rest }: Options<A>): Flag<ReadonlyArray<A>> => {
  const decode = decodeWith(schema)
  return { ...rest, repeatable: true, decode: (texts) => Result.all([...new Set(texts)].map(decode)) }
}

/** A boolean flag. */
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

/** The environment variable of a flag. */
export const variable = (flag: Flag<unknown>): string =>
  `REGISTRY_PACKAGES_PROXY_${flag.name.toUpperCase().replaceAll("-", "_")}`
