import { Option, Result, Schema } from "effect"
import { reasonOf } from "../text/TextSchema.ts"

/** A text that a flag does not take; `reason` is worded to follow the text. */
export interface Rejected {
  readonly text: string
  readonly reason: string
}

/** One setting: how it is given, what it means, and how the texts given (none: the default) become its value. */
export interface Flag<out A> {
  readonly name: string
  /** The word for its value in help; none for a switch, which takes a value only after `=`. */
  readonly metavar: string | undefined
  readonly repeatable: boolean
  readonly accepts: string
  readonly default: string
  readonly description: string
  readonly decode: (texts: ReadonlyArray<string>) => Result.Result<A, Rejected>
}

/** The value a flag decodes to. */
export type Value<F> = F extends Flag<infer A> ? A : never

type TextSchema<A> = Schema.ConstraintDecoder<A> & { readonly Encoded: string }

interface Options<A> {
  readonly name: string
  readonly metavar: string
  /** What is accepted, in words that follow "accepted:". */
  readonly accepts: string
  readonly default: string
  readonly description: string
  readonly schema: TextSchema<A>
}

const decodeWith = <A>(schema: TextSchema<A>): ((text: string) => Result.Result<A, Rejected>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (text) =>
    Result.mapError(decode(text), (error) => ({ text, reason: reasonOf(error.issue) ?? "is not valid" }))
}

/** A flag with one value; `default` is read like a given text. */
export const single = <A>({ schema, ...rest }: Options<A>): Flag<A> => {
  const decode = decodeWith(schema)
  return { ...rest, repeatable: false, decode: ([text = rest.default]) => decode(text) }
}

/** A flag with one value or none; `default` says in words what happens then, and `off` may be given for it. */
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

/** A flag that may be given several times, each value once; its variable holds several, separated by commas. */
export const repeated = <A>({ schema, ...rest }: Options<A>): Flag<ReadonlyArray<A>> => {
  const decode = decodeWith(schema)
  return { ...rest, repeatable: true, decode: (texts) => Result.all([...new Set(texts)].map(decode)) }
}

/** A flag that is on when it is there. */
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
