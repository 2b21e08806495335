import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"

/**
 * The results of registry-packages-proxy (`program`) and of another client in a scenario in which they differ. Each
 * result is the text of a table cell in docs/registries.md, such as `served`.
 */
export interface Difference {
  readonly program: string
  readonly otherClient: string
}

const file = fileURLToPath(new URL("../../../../docs/registries.md", import.meta.url))

/** For each client, the heading above its table in docs/registries.md. */
const headings = {
  "go-containerregistry": "## Where go-containerregistry differs",
  kubelet: "## Where the kubelet reads docker configs differently",
  httpproxy: "## Where golang.org/x/net's httpproxy differs"
}

/**
 * A row of a table in docs/registries.md. The table lists the differences between registry-packages-proxy and another
 * client.
 */
export interface DifferenceRow extends Difference {
  /**
   * Name of the scenario that the row is about. If it ends with `*`, the row is about all scenarios whose names begin
   * with the text before the `*`.
   */
  readonly scenario: string
  readonly reason: string
}

const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

/** Parses a row of the form `| scenario | this program | other client | why |`. */
export const parseRow = (line: string): DifferenceRow => {
  const [scenario = "", program = "", otherClient = "", reason = ""] = cells(line)
  return { scenario, program, otherClient, reason }
}

/** Reads the rows of the table about a client in docs/registries.md. */
export const readRows = Effect.fnUntraced(function* (client: keyof typeof headings) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(file)
  const [, section = ""] = text.split(`${headings[client]}\n`)
  const [own = ""] = section.split(/^## /m)
  const rows = own
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
  return rows.map(parseRow)
})

const isAbout = (name: string, { scenario }: DifferenceRow): boolean =>
  scenario.endsWith("*") ? name.startsWith(scenario.slice(0, -1)) : scenario === name

/**
 * Returns the row about a scenario, or undefined if there is none. A row with the exact name takes precedence over a
 * row with `*`.
 */
export const rowFor = (name: string, rows: ReadonlyArray<DifferenceRow>): DifferenceRow | undefined =>
  rows.find(({ scenario }) => scenario === name) ?? rows.find((row) => isAbout(name, row))

/** Formats a difference as a row for docs/registries.md. The column for the reason contains the placeholder `...`. */
export const formatRow = (scenario: string, { program, otherClient }: Difference): string =>
  `| ${scenario.replaceAll("|", "\\|")} | ${program} | ${otherClient} | ... |`
