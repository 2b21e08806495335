import * as Flag from "./Flag.ts"
import { flags } from "./Flags.ts"
import { programForm } from "../build/ProgramForm.ts"
import { commit, version } from "../build/Version.ts"

export const programName = "registry-packages-proxy"

/** The flags that print a text and exit. They have no environment variable. */
export const informationalFlags = [
  { name: "help", short: "h", description: "Print this and exit." },
  { name: "version", short: "v", description: "Print the version and exit." }
] as const

const width = 100

const wrap = (text: string, indent: string): string => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, indent + line].join("\n")
}

const entry = (flag: Flag.Flag<unknown>): string =>
  [
    `  --${flag.name}${flag.metavar === undefined ? "" : ` ${flag.metavar}`}`,
    wrap(flag.description, "      "),
    wrap(`Accepts: ${flag.accepts}`, "      "),
    `      Default: ${flag.default}`,
    `      Variable: ${Flag.variableName(flag)}`
  ].join("\n")

/** Returns the line that --version prints. */
export const versionText = (): string => {
  const form = commit === undefined ? "sources" : `commit ${commit}`
  const { arch, platform, version: node } = process
  return `${programName} ${version} (${form}, ${programForm()}, Node ${node.slice(1)}, ${platform}-${arch})\n`
}

/** Returns the text that --help prints. */
export const helpText = (): string =>
  [
    `${programName} ${version}: a caching proxy for packages kept in OCI registries`,
    `Usage: ${programName} [flags]`,
    wrap(
      "Give a flag as --flag value, as --flag=value, or by its environment variable. A flag overrides its variable; " +
        "an empty variable counts as not set.",
      ""
    ),
    ...Object.values<Flag.Flag<unknown>>(flags).map(entry),
    informationalFlags
      .map(({ description, name, short }) => `  --${name}, -${short}\n      ${description}`)
      .join("\n\n")
  ].join("\n\n") + "\n"
