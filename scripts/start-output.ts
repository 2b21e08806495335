/** Writes what `npm start` prints into the README files, by running it on its own port. */
import { readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import * as StartOutput from "./StartOutput.ts"

const root = resolve(import.meta.dirname, "..")
const output = await StartOutput.run(root)
for (const file of StartOutput.readmes.map((readme) => resolve(root, readme))) {
  writeFileSync(file, StartOutput.written(readFileSync(file, "utf8"), output))
}
