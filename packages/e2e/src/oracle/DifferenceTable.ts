import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"

/** The results of this program and of another client if they differ, in the words of docs/registries.md. */
export interface Difference {
  readonly ours: string
  readonly theirs: string
}

const file = fileURLToPath(new URL("../../../../docs/registries.md", import.meta.url))

/** For each other client: the heading above its table in docs/registries.md. */
const headings = {
  "go-containerregistry": "## Where go-containerregistry differs",
  kubelet: "## Where the kubelet reads docker configs differently",
  httpproxy: "## Where golang.org/x/net's httpproxy differs"
}

/** A row of a table in docs/registries.md. */
export interface Row extends Difference {
  /** The name of a situation, or a common prefix of several names with `*` at the end. */
  readonly situation: string
  readonly why: string
}

const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

/** Parses a row of the form `| situation | this program | other client | why |`. */
export const parse = (line: string): Row => {
  const [situation = "", ours = "", theirs = "", why = ""] = cells(line)
  return { situation, ours, theirs, why }
}

/** Reads the rows of a table in docs/registries.md. */
export const read = Effect.fnUntraced(function* (who: keyof typeof headings) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(file)
  const [, section = ""] = text.split(`${headings[who]}\n`)
  const [own = ""] = section.split(/^## /m)
  const rows = own
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
  return rows.map(parse)
})

const isAbout = (name: string, { situation }: Row): boolean =>
  situation.endsWith("*") ? name.startsWith(situation.slice(0, -1)) : situation === name

/** Returns the row about a situation. A row with the exact name takes precedence over a row with `*`. */
export const rowFor = (name: string, rows: ReadonlyArray<Row>): Row | undefined =>
  rows.find(({ situation }) => situation === name) ?? rows.find((row) => isAbout(name, row))

/** Formats a row for docs/registries.md, with the placeholder `...` as the reason. */
export const written = (situation: string, { ours, theirs }: Difference): string =>
  `| ${situation.replaceAll("|", "\\|")} | ${ours} | ${theirs} | ... |`
