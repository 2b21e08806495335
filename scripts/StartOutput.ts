import { spawn } from "node:child_process"
import { join } from "node:path"
import { replaceSections } from "./GeneratedDocs.ts"

/** The pages that show the output of `npm start`. */
export const readmes = ["README.md", "docs/ru/README.md"]

const section = "start"

/** `npm start` prints this text when it is ready to serve. */
const served = "Serving until Ctrl-C"

/**
 * Runs the program of `npm start` until it is ready to serve, then stops the program, and returns its output. `args`
 * are flags of the program. Rejects if the program ends before it is ready.
 */
export const runStart = (root: string, args: ReadonlyArray<string> = []): Promise<string> =>
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

/**
 * Returns the table of packages and the curl command from the output, as the READMEs show them. Throws if the table or
 * the command is missing.
 */
export const excerpt = (output: string): string => {
  const lines = output.split("\n")
  const first = lines.findIndex((line) => line.trimStart().startsWith("package "))
  const last = lines.findLastIndex((line) => line.trimStart().startsWith("curl "))
  if (first < 0 || last < first) throw new Error("npm start prints no table of packages, or no curl after it")
  return lines
    .slice(first, last + 1)
    .map((line) => line.replace(/^ {2}/, "").trimEnd())
    .join("\n")
}

/** Replaces times, digests, ports and the spaces between columns by constants, because they vary between runs. */
export const normalize = (text: string): string =>
  text
    .replaceAll(/[\da-f]{64}/g, "DIGEST")
    .replaceAll(/(127\.0\.0\.1:)\d+/g, "$1PORT")
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s)\b/g, "TIME")
    .replaceAll(/ {2,}/g, "  ")

const fence = "```"

/** Returns `readme` with the excerpt of `output` between the markers of the section `start`. */
export const updateReadme = (readme: string, output: string): string =>
  replaceSections(readme, { [section]: `${fence}console\n$ npm start\n${excerpt(output)}\n${fence}` })

/** Returns the output that `readme` shows, or an empty string. */
export const excerptInReadme = (readme: string): string => {
  const [, text = ""] =
    new RegExp(`<!-- ${section}:start -->\n\n${fence}console\n\\$ npm start\n([^]*?)\n${fence}\n`).exec(
      readme
    ) ?? []
  return text
}
