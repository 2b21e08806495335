/** Checks that every comment that disables a rule of a linter or compiler gives a reason, in the format `-- reason`. */
import { globSync, readFileSync } from "node:fs"

const suppression = /\/[/*].*(?:oxlint|eslint)-disable|oxfmt-ignore|@effect-(?:diagnostics|expect)/
const reason = / -- \S/

const unexplained = globSync(["packages/*/{src,test}/**/*.ts", "*.config.ts"]).flatMap((file) =>
  readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line, index) =>
      suppression.test(line) && !reason.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : []
    )
)

if (unexplained.length > 0) {
  console.log(
    `These suppressions give no reason (" -- why" at the end of the line):\n${unexplained.join("\n")}`
  )
  process.exitCode = 1
}
