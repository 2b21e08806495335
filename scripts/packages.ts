/**
 * Implements `npm run packages -- --out DIR`. Writes tarballs of the packages that users compose programs from.
 * docs/composing.md describes this.
 */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import * as Npm from "./release/Npm.ts"

const { values } = parseArgs({ options: { out: { type: "string" } } })
if (values.out === undefined) {
  console.error("--out is missing; accepted: the directory to write the tarballs to")
  process.exitCode = 2
} else {
  for (const tarball of await Npm.packTarballs(resolve(import.meta.dirname, ".."), resolve(values.out)))
    console.log(tarball)
}
