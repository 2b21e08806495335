import { createHash } from "node:crypto"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The chart's directory. */
export const directory = fileURLToPath(new URL("../chart", import.meta.url))

const read = (name: string): string => readFileSync(`${directory}/${name}`, "utf8")

/** The default values, with their comments. */
export const values = (): string => read("values.yaml")

/** The JSON Schema of the values. */
export const schema = (): unknown => JSON.parse(read("values.schema.json"))

/** SHA-256 of all files that helm renders. */
export const checksum = (): string => {
  const files = [
    "Chart.yaml",
    "values.yaml",
    ...globSync(["templates/*", "files/*"], { cwd: directory })
  ].sort()
  const hash = createHash("sha256")
  for (const file of files) hash.update(`${file}\0${read(file)}\0`)
  return hash.digest("hex")
}
