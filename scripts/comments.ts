/**
 * Checks comments and log messages. A doc comment of an export does not begin with a question word, a log message is a
 * constant in lower case, and a comment has at most 120 characters a line. `scripts/Documents.test.ts` checks the
 * pages.
 */
import { globSync, readFileSync } from "node:fs"

const maxLength = 120

const question =
  /\/\*\*[\s*]*(?:What|How|Whether|Who|Whom|Whose|Whoever|Where|Which)\b(?:[^*]|\*(?!\/))*\*\/\s*(?:export|static|readonly)\b/g
/**
 * Matches a log message that is a template or a concatenation, or that begins with a capital letter. An abbreviation at
 * the beginning is allowed.
 */
const variableMessage =
  /Effect\.log(?:Trace|Debug|Info|Warning|Error|Fatal|WithLevel\([^)]*\))?\(\s*(?:`|"(?![a-z]|[A-Z]{2})|"[^"]*"\s*\+)/g
const comment = /^\s*(?:\/\/|\/?\*)/
const unbreakable = /:\/\/|-disable|@effect-/

const linesOf = (text: string, pattern: RegExp): ReadonlyArray<number> =>
  [...text.matchAll(pattern)].map(({ index }) => text.slice(0, index).split("\n").length)

const check = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(file, "utf8")
  const long = text
    .split("\n")
    .flatMap((line, index) =>
      line.length > maxLength && comment.test(line) && !unbreakable.test(line) ? [index + 1] : []
    )
  return [
    ...linesOf(text, question).map(
      (line) => `${file}:${line}: begin the doc comment with the thing, not a question`
    ),
    ...(file.includes("/src/") ? linesOf(text, variableMessage) : []).map(
      (line) => `${file}:${line}: make the log message a constant in lower case, with fields`
    ),
    ...long.map((line) => `${file}:${line}: wrap the comment after ${maxLength} characters`)
  ]
}

const found = globSync(["packages/*/{src,test}/**/*.ts", "scripts/**/*.ts", "*.config.ts"]).flatMap(check)

if (found.length > 0) {
  console.log(found.join("\n"))
  process.exitCode = 1
}
