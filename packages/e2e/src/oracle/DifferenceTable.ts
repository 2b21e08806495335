import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"

/** A row of the table of differences: what each did, as the table has it. */
export interface Difference {
  readonly ours: string
  readonly theirs: string
}

const file = fileURLToPath(new URL("../../../../docs/registries.md", import.meta.url))

/** The heading that the table stands under. */
export const heading = "## Where go-containerregistry answers differently"

// `| situation | this program | go-containerregistry | why |`
const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

/** The differences by situation, read from docs/registries.md. */
export const read = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(file)
  const [, section = ""] = text.split(`${heading}\n`)
  const [own = ""] = section.split(/^## /m)
  const rows = own
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
  return new Map(
    rows.map((row): [string, Difference & { readonly why: string }] => {
      const [situation = "", ours = "", theirs = "", why = ""] = cells(row)
      return [situation, { ours, theirs, why }]
    })
  )
})

/** The row that the docs would have, its reason left to be written. */
export const row = (situation: string, { ours, theirs }: Difference): string =>
  `| ${situation.replaceAll("|", "\\|")} | ${ours} | ${theirs} | ... |`
