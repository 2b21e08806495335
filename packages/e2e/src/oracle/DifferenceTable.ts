import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"

/** A row of the table of differences: what each did, as the table has it. */
export interface Difference {
  readonly ours: string
  readonly theirs: string
}

const file = fileURLToPath(new URL("../../../../docs/registries.md", import.meta.url))

/** The headings that the tables stand under, by who differs. */
const headings = {
  "go-containerregistry": "## Where go-containerregistry differs",
  kubelet: "## Where the kubelet reads docker configs differently",
  httpproxy: "## Where golang.org/x/net's httpproxy differs"
}

/** A row of docs/registries.md. */
export interface Row extends Difference {
  /** A situation's name, or the beginning of several with `*` at its end. */
  readonly situation: string
  readonly why: string
}

const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

/** Reads `| situation | this program | the other | why |`. */
export const parse = (line: string): Row => {
  const [situation = "", ours = "", theirs = "", why = ""] = cells(line)
  return { situation, ours, theirs, why }
}

/** The rows of a table in docs/registries.md. */
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

/** The row about a situation: its own before one for several. */
export const rowFor = (name: string, rows: ReadonlyArray<Row>): Row | undefined =>
  rows.find(({ situation }) => situation === name) ?? rows.find((row) => isAbout(name, row))

/** The row that the docs would have, its reason left to be written. */
export const written = (situation: string, { ours, theirs }: Difference): string =>
  `| ${situation.replaceAll("|", "\\|")} | ${ours} | ${theirs} | ... |`
