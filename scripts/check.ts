/**
 * Implements `npm run check`. Runs all checks except the tests. `--report FILE` writes the numbers of passed, failed
 * and skipped checks, in the format of vitest's JSON report.
 */
import { spawnSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { parseArgs, styleText } from "node:util"

const checks = {
  types: "node_modules/.bin/tsc",
  effect: "node_modules/.bin/effect-tsgo diagnostics --project tsconfig.json --severity error --format text",
  lint: "node_modules/.bin/oxlint",
  suppressions: "node_modules/.bin/node scripts/suppressions.ts",
  comments: "node_modules/.bin/node scripts/comments.ts",
  format: "node_modules/.bin/oxfmt --check .",
  docs: "node_modules/.bin/node scripts/generate-docs.ts --check"
}

/** Commands that correct a failed check, for checks whose output does not name a command. */
const remedies: Readonly<Record<string, string>> = { format: "npm run format" }

type Result = "passed" | "failed" | "skipped"

const run = (commandLine: string): Result => {
  const [command = "", ...args] = commandLine.split(" ")
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: Infinity
  })
  if (status === 0) return "passed"
  process.stdout.write(error === undefined ? stdout + stderr : `${error.message}\n`)
  return "failed"
}

const colours = { passed: "green", failed: "red", skipped: "yellow" } as const
const results = Object.entries(checks).map(([name, commandLine]) => {
  const start = performance.now()
  const result = name === "docs" && !existsSync("scripts/generate-docs.ts") ? "skipped" : run(commandLine)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  const mend = result === "failed" && name in remedies ? `; run: ${remedies[name]}` : ""
  console.log(`${styleText(colours[result], result.padEnd(7))} ${name} (${seconds} s)${mend}`)
  return result
})

const count = (wanted: Result) => results.filter((result) => result === wanted).length
const { values } = parseArgs({ options: { report: { type: "string" } } })
if (values.report !== undefined) {
  writeFileSync(
    values.report,
    JSON.stringify({
      numPassedTests: count("passed"),
      numFailedTests: count("failed"),
      numPendingTests: count("skipped")
    })
  )
}
process.exitCode = count("failed") === 0 ? 0 : 1
