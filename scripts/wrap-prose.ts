/**
 * Wraps long lines of prose in all Markdown pages. Table rows are not wrapped, so long cells must be shortened by hand.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { markdownPages } from "./Documents.ts"
import { wrapProse } from "./Prose.ts"

const root = resolve(import.meta.dirname, "..")
for (const file of markdownPages(root)) {
  const text = readFileSync(join(root, file), "utf8")
  const wanted = wrapProse(text)
  if (wanted !== text) writeFileSync(join(root, file), wanted)
}
