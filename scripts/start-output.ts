/** Runs `npm start` on its default port, and writes its output into the README files. */
import { readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import * as StartOutput from "./StartOutput.ts"

const root = resolve(import.meta.dirname, "..")
const output = await StartOutput.runStart(root)
for (const file of StartOutput.readmes.map((readme) => resolve(root, readme))) {
  writeFileSync(file, StartOutput.updateReadme(readFileSync(file, "utf8"), output))
}
