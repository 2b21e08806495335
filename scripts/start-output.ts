/** Writes what `npm start` prints into README.md, by running it on its own port. */
import { readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import * as StartOutput from "./StartOutput.ts"

const root = resolve(import.meta.dirname, "..")
const file = resolve(root, "README.md")
writeFileSync(file, StartOutput.written(readFileSync(file, "utf8"), await StartOutput.run(root)))
