import { acceptedProxies } from "@registry-packages-proxy/node-net/proxy/Proxy"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import type { ParseArgsOptionDescriptor } from "node:util"
import { Effect, Option, Result } from "effect"
import * as Flag from "./Flag.ts"
import { flags } from "./Flags.ts"
import { helpText, informational, versionText } from "./Help.ts"
import { quote } from "../text/SafeText.ts"
import * as Settings from "./Settings.ts"
import { suggestion } from "./Suggestion.ts"
import { HelpRequested, UsageError, VersionRequested } from "./UsageError.ts"

// Not effect/cli: it spreads an error over lines, blames the flag for a bad variable, prints values raw, leaves
// defaults and variables out of --help, adds flags of its own (--wizard, --no-disable-cache), and costs 4-5 MB resident.

// An import of node:util evaluates its lazy exports too, 4.5 MB resident.
const { parseArgs } = process.getBuiltinModule("node:util")

const definitions: ReadonlyArray<Flag.Flag<unknown>> = Object.values(flags)
const byName = new Map(definitions.map((flag) => [flag.name, flag]))
const names = [...byName.keys(), ...informational.map(({ name }) => name)]

const options = Object.fromEntries<ParseArgsOptionDescriptor>([
  ...definitions.map(
    ({ metavar, name }) => [name, { type: metavar === undefined ? "boolean" : "string" }] as const
  ),
  ...informational.map(({ name, short }) => [name, { type: "boolean", short }] as const)
])

const fail = (message: string) => Result.fail(new UsageError({ message }))

const unknownFlag = (argument: string): Result.Result<never, UsageError> => {
  const name = argument.split("=", 1)[0] ?? ""
  const hint = Option.match(suggestion(name.replace(/^-+/, ""), names), {
    onNone: () => "--help lists all",
    onSome: (name) => `did you mean --${name}?`
  })
  return fail(`unknown flag ${quote(name)}; ${hint}`)
}

type Given = ReadonlyMap<string, ReadonlyArray<string>>

/** Which texts were given to which flag, in order. */
const collect = (
  args: ReadonlyArray<string>
): Result.Result<Given, UsageError | HelpRequested | VersionRequested> => {
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true
  })
  const asksFor = (name: string) => tokens.some((token) => token.kind === "option" && token.name === name)
  if (asksFor("help")) return Result.fail(new HelpRequested({ text: helpText() }))
  if (asksFor("version")) return Result.fail(new VersionRequested({ text: versionText() }))
  const given = new Map<string, ReadonlyArray<string>>()
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue
    if (token.kind === "positional")
      return fail(`unexpected argument ${quote(token.value)}; only flags are accepted`)
    const flag = byName.get(token.name)
    if (flag === undefined) return unknownFlag(args[token.index] ?? token.rawName)
    const texts = given.get(flag.name) ?? []
    if (texts.length > 0 && !flag.repeatable) return fail(`--${flag.name} is given more than once`)
    // parseArgs takes the next flag for a value; a value that does begin with a dash is given after `=`.
    const isNextFlag = token.inlineValue === false && token.value.startsWith("-")
    if (flag.metavar !== undefined && (token.value === undefined || isNextFlag)) {
      return fail(`--${flag.name} has no value; accepted: ${flag.accepts}`)
    }
    given.set(flag.name, [...texts, token.value ?? "true"])
  }
  return Result.succeed(given)
}

const fromVariable = (flag: Flag.Flag<unknown>, text: string | undefined): ReadonlyArray<string> =>
  text === undefined || text === "" ? [] : flag.repeatable ? text.split(",") : [text]

const decode = (given: Given, variables: Variables): Result.Result<Settings.Settings, UsageError> =>
  Settings.decode(
    (flag) => given.get(flag.name) ?? fromVariable(flag, variables[Flag.variable(flag)]),
    (flag, { reason, text }) => {
      const origin = given.has(flag.name) ? `--${flag.name}` : Flag.variable(flag)
      const problem = text === "" ? "an empty value" : `${quote(text)} ${reason}`
      return new UsageError({ message: `${origin}: ${problem}; accepted: ${flag.accepts}` })
    }
  )

/** What is wrong with the variables that are no flag's: those that Go programs are told their proxies by. */
const checkProxies = (variables: Variables): Result.Result<void, UsageError> =>
  Result.mapBoth(ProxySettings.fromEnvironment(variables), {
    onFailure: ({ reason, source }) =>
      new UsageError({ message: `${source}: ${reason}; accepted: ${acceptedProxies}` }),
    onSuccess: () => undefined
  })

/** Environment variables, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>

/**
 * The settings that the arguments (without the program's name) and variables ask for. Variables that belong to no flag
 * are ignored, since Kubernetes sets some with our prefix. Pure: reads nothing else, writes nothing.
 */
export const parse = (
  args: ReadonlyArray<string>,
  variables: Variables
): Effect.Effect<Settings.Settings, UsageError | HelpRequested | VersionRequested> =>
  Effect.fromResult(
    Result.gen(function* () {
      const settings = yield* decode(yield* collect(args), variables)
      yield* checkProxies(variables)
      const problem = Settings.contradiction(settings)
      return Option.isSome(problem) ? yield* fail(problem.value) : settings
    })
  )
