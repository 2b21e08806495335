/**
 * Checks comments and log messages. A doc comment names its subject in its first words. A comment names only files that
 * exist, and has at most 120 characters a line. A log message is a constant in lower case. `scripts/Documents.test.ts`
 * checks the Markdown pages.
 */
import { globSync, readFileSync } from "node:fs"

const maxLength = 120

/** Matches a doc comment that begins with a question word. */
const question = /\/\*\*[\s*]*(?:What|How|Whether|Who|Whom|Whose|Whoever|Whatever|Where|Which)\b/g
/**
 * Matches a doc comment that begins with a pronoun. An editor shows a comment alone, so the reader could not know the
 * noun.
 */
const pronoun =
  /\/\*\*[\s*]*(?:(?:It|Its|They|Their|Them|Those|Until then|Without it)\b|The same(?: (?:as|but|for|of|with)\b|[,.:;]))/g
/**
 * Matches a log message that is a template or a concatenation, or that begins with a capital letter. An abbreviation at
 * the beginning is allowed.
 */
const variableMessage =
  /Effect\.log(?:Trace|Debug|Info|Warning|Error|Fatal|WithLevel\([^)]*\))?\(\s*(?:`|"(?![a-z]|[A-Z]{2})|"[^"]*"\s*\+)/g
const comment = /^\s*(?:\/\/|\/?\*)/
/** Matches the name of a source file, with or without folders, and the path of a page in docs/. */
const fileName = /(?<![\w./-])(?:[\w-][\w./-]*\.ts|docs\/[\w./-]+\.md)\b/g
const unbreakable = /:\/\/|-disable|@effect-/

const linesOf = (text: string, pattern: RegExp): ReadonlyArray<number> =>
  [...text.matchAll(pattern)].map(({ index }) => text.slice(0, index).split("\n").length)

const existing = globSync(["*.ts", "{packages,scripts}/**/*.ts", "docs/**/*.md"], {
  exclude: (name) => name === "node_modules"
}).map((file) => `/${file}`)

const isMissing = (name: string): boolean => !existing.some((file) => file.endsWith(`/${name}`))

const check = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(file, "utf8")
  const comments = text
    .split("\n")
    .map((line, index) => [line, index + 1] as const)
    .filter(([line]) => comment.test(line))
  return [
    ...linesOf(text, question).map(
      (line) => `${file}:${line}: begin the doc comment with the thing, not a question`
    ),
    ...linesOf(text, pronoun).map(
      (line) => `${file}:${line}: begin the doc comment with a noun or a verb, not a pronoun`
    ),
    ...(file.includes("/src/") ? linesOf(text, variableMessage) : []).map(
      (line) => `${file}:${line}: make the log message a constant in lower case, with fields`
    ),
    ...comments.flatMap(([line, number]) => [
      ...(line.length > maxLength && !unbreakable.test(line)
        ? [`${file}:${number}: wrap the comment after ${maxLength} characters`]
        : []),
      ...(line.match(fileName) ?? [])
        .filter(isMissing)
        .map((name) => `${file}:${number}: the comment names ${name}, but no such file exists`)
    ])
  ]
}

const found = globSync(["packages/*/{src,test}/**/*.ts", "scripts/**/*.ts", "*.config.ts"]).flatMap(check)

if (found.length > 0) {
  console.log(found.join("\n"))
  process.exitCode = 1
}
