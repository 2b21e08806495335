/** Wraps long lines of prose in all Markdown pages. Table rows are not wrapped: shorten their cells. */
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { pages } from "./Documents.ts"
import { wrapped } from "./Prose.ts"

const root = resolve(import.meta.dirname, "..")
for (const file of pages(root)) {
  const text = readFileSync(join(root, file), "utf8")
  const wanted = wrapped(text)
  if (wanted !== text) writeFileSync(join(root, file), wanted)
}
