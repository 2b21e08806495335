import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"

/** A difference: the results of both, in the words of the table. */
export interface Difference {
  readonly ours: string
  readonly theirs: string
}

const file = fileURLToPath(new URL("../../../../docs/registries.md", import.meta.url))

/** The headings of the tables, by the other client. */
const headings = {
  "go-containerregistry": "## Where go-containerregistry differs",
  kubelet: "## Where the kubelet reads docker configs differently",
  httpproxy: "## Where golang.org/x/net's httpproxy differs"
}

/** A row of docs/registries.md. */
export interface Row extends Difference {
  /** A situation's name, or a common beginning of several followed by `*`. */
  readonly situation: string
  readonly why: string
}

const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

/** Parses `| situation | this program | the other | why |`. */
export const parse = (line: string): Row => {
  const [situation = "", ours = "", theirs = "", why = ""] = cells(line)
  return { situation, ours, theirs, why }
}

/** Reads a table of docs/registries.md. */
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

/** The row about a situation; one with the exact name comes before one with `*`. */
export const rowFor = (name: string, rows: ReadonlyArray<Row>): Row | undefined =>
  rows.find(({ situation }) => situation === name) ?? rows.find((row) => isAbout(name, row))

/** The row to add to the docs, with the reason left open. */
export const written = (situation: string, { ours, theirs }: Difference): string =>
  `| ${situation.replaceAll("|", "\\|")} | ${ours} | ${theirs} | ... |`
