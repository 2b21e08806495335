import { spawn } from "node:child_process"
import { join } from "node:path"
import { replaceSections } from "./GeneratedDocs.ts"

/** The pages that show what `npm start` prints. */
export const readmes = ["README.md", "docs/ru/README.md"]

const section = "start"

/** The text that the program prints when it serves. */
const served = "Serving until Ctrl-C"

/** The output of `npm start` until it serves. `args` are flags of the program. */
export const run = (root: string, args: ReadonlyArray<string> = []): Promise<string> =>
  new Promise((resolve, reject) => {
    const program = spawn(
      join(root, "node_modules/.bin/node"),
      [
        "--disable-sigusr1",
        "--import",
        "./scripts/DropRepeatedSignals.ts",
        "packages/quickstart/src/main.ts",
        ...args
      ],
      { cwd: root, env: { PATH: process.env["PATH"], NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] }
    )
    let output = ""
    let errors = ""
    program.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text))
    program.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text
      if (output.includes(served)) program.kill("SIGINT")
    })
    program.on("error", reject)
    program.on("close", () => {
      if (output.includes(served)) resolve(output)
      else reject(new Error(`npm start ended before it served: ${errors === "" ? output : errors}`))
    })
  })

/** The part of the output that they show: the packages, and the command to try. */
export const shown = (output: string): string => {
  const lines = output.split("\n")
  const first = lines.findIndex((line) => line.trimStart().startsWith("package "))
  const last = lines.findLastIndex((line) => line.trimStart().startsWith("curl "))
  if (first < 0 || last < first) throw new Error("npm start prints no table of packages, or no curl after it")
  return lines
    .slice(first, last + 1)
    .map((line) => line.replace(/^ {2}/, "").trimEnd())
    .join("\n")
}

/** Text without the parts that vary between runs: figures and units, digests, ports, space between columns. */
export const shape = (text: string): string =>
  text
    .replaceAll(/[\da-f]{64}/g, "DIGEST")
    .replaceAll(/(127\.0\.0\.1:)\d+/g, "$1PORT")
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s)\b/g, "TIME")
    .replaceAll(/ {2,}/g, "  ")

const fence = "```"

/** `readme` with the output in its section. */
export const written = (readme: string, output: string): string =>
  replaceSections(readme, { [section]: `${fence}console\n$ npm start\n${shown(output)}\n${fence}` })

/** The output in `readme`. */
export const inReadme = (readme: string): string => {
  const [, text = ""] =
    new RegExp(`<!-- ${section}:start -->\n\n${fence}console\n\\$ npm start\n([^]*?)\n${fence}\n`).exec(
      readme
    ) ?? []
  return text
}
