import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import type { ParseArgsOptionDescriptor } from "node:util"
import { Effect, Option, Result } from "effect"
import * as Flag from "./Flag.ts"
import { flags } from "./Flags.ts"
import { helpText, informationalFlags, versionText } from "./Help.ts"
import { quote } from "../text/SafeText.ts"
import * as Settings from "./Settings.ts"
import { suggestion } from "./Suggestion.ts"
import { HelpRequested, UsageError, VersionRequested } from "./UsageError.ts"

// This parser is used instead of effect/cli. effect/cli prints an error in several lines and does not escape values. It
// names the flag instead of an invalid variable, omits defaults and variables from --help, adds flags such as --wizard,
// and takes 4-5 MB of memory.

// `getBuiltinModule`, since an import declaration evaluates the module's lazy exports, which stay in memory.
const { parseArgs } = process.getBuiltinModule("node:util")

const definitions: ReadonlyArray<Flag.Flag<unknown>> = Object.values(flags)
const byName = new Map(definitions.map((flag) => [flag.name, flag]))
const names = [...byName.keys(), ...informationalFlags.map(({ name }) => name)]

const options = Object.fromEntries<ParseArgsOptionDescriptor>([
  ...definitions.map(
    ({ metavar, name }) => [name, { type: metavar === undefined ? "boolean" : "string" }] as const
  ),
  ...informationalFlags.map(({ name, short }) => [name, { type: "boolean", short }] as const)
])

const fail = (message: string) => Result.fail(new UsageError({ message }))

const unknownFlag = (argument: string): Result.Result<never, UsageError> => {
  const name = argument.split("=", 1)[0] ?? ""
  const hint = Option.match(suggestion(name.replace(/^-+/, ""), names), {
    onNone: () => "--help lists all flags",
    onSome: (name) => `did you mean --${name}?`
  })
  return fail(`unknown flag ${quote(name)}; ${hint}`)
}

/**
 * The values that the arguments give for each flag, as texts in the order of the arguments. The key is the flag's name.
 */
type GivenTexts = ReadonlyMap<string, ReadonlyArray<string>>

const collect = (
  args: ReadonlyArray<string>
): Result.Result<GivenTexts, UsageError | HelpRequested | VersionRequested> => {
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
    // parseArgs accepts the next flag as a value. This parser accepts a value that begins with a dash only after `=`.
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

const decode = (given: GivenTexts, env: EnvironmentVariables): Result.Result<Settings.Settings, UsageError> =>
  Settings.decode(
    (flag) => given.get(flag.name) ?? fromVariable(flag, env[Flag.variableName(flag)]),
    (flag, { reason, text }) => {
      const origin = given.has(flag.name) ? `--${flag.name}` : Flag.variableName(flag)
      const problem = text === "" ? "an empty value" : `${quote(text)} ${reason}`
      return new UsageError({ message: `${origin}: ${problem}; accepted: ${flag.accepts}` })
    }
  )

/**
 * Fails if HTTP_PROXY or HTTPS_PROXY is not a usable proxy address. Accepts http URLs, https URLs and `HOST[:PORT]`. If
 * the lowercase variable is set, the uppercase variable is neither used nor checked.
 */
const checkProxies = (env: EnvironmentVariables): Result.Result<void, UsageError> =>
  Result.mapBoth(ProxySettings.fromEnvironment(env), {
    onFailure: ({ message }) => new UsageError({ message }),
    onSuccess: () => undefined
  })

/**
 * Parses the arguments (without the program's name) and the environment variables into settings. Fails for invalid or
 * contradictory settings, and for --help and --version. Also fails if HTTP_PROXY or HTTPS_PROXY is not valid. Ignores
 * unknown variables with the program's prefix, since Kubernetes sets such variables for Services.
 */
export const parse = (
  args: ReadonlyArray<string>,
  env: EnvironmentVariables
): Effect.Effect<Settings.Settings, UsageError | HelpRequested | VersionRequested> =>
  Effect.fromResult(
    Result.gen(function* () {
      const settings = yield* decode(yield* collect(args), env)
      yield* checkProxies(env)
      const problem = Settings.contradiction(settings)
      return Option.isSome(problem) ? yield* fail(problem.value) : settings
    })
  )
