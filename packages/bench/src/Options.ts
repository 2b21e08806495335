import { Effect } from "effect"
import { parseArgs } from "node:util"
import { checks, comparisons } from "./Cases.ts"

/** Parses the benchmark's command line. Fails with an error whose message lists the accepted options. */
export const parse = Effect.try({
  try: () => {
    const { values } = parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string", default: "" },
        out: { type: "string" },
        report: { type: "string" },
        from: { type: "string" },
        against: { type: "string" },
        "skip-build": { type: "boolean", default: false },
        install: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false }
      }
    })
    return { ...values, only: new RegExp(values.only) }
  },
  catch: (cause) => new Error(`${cause instanceof Error ? cause.message : String(cause)}\n\n${help()}`)
})

/** The parsed options of `npm run bench`. The text of `help` describes each option. */
export type Options = Effect.Success<typeof parse>

/** Returns the text that `npm run bench -- --help` prints. */
export const help = (): string => {
  const cases = Object.entries({ ...comparisons, ...checks })
  const width = Math.max(...cases.map(([name]) => name.length))
  return `Measures registry-packages-proxy and its peers on this machine.

Usage: npm run bench -- [OPTION]...

Options:
  --quick          smaller packages and fewer rounds
  --only REGEX     only the cases whose name matches; default: all
  --out DIR        directory for bench.json and bench.svg; default: a new temporary one
  --report PAGE    writes the results into a Markdown page, between its markers bench:start and bench:end
  --from FILE      takes the results from an earlier bench.json instead of measuring
  --against FILE   the executable of another build, to compare with in the traced cases
  --skip-build     measures the executable that is already built
  --install        installs missing peers (as root, with apt-get)
  --help           prints this text

Cases:
${cases.map(([name, { description }]) => `  ${name.padEnd(width)}   ${description}`).join("\n")}`
}
