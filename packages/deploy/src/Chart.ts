import { createHash } from "node:crypto"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The absolute path of the Helm chart. */
export const chartDirectory = fileURLToPath(new URL("../chart", import.meta.url))

const read = (name: string): string => readFileSync(`${chartDirectory}/${name}`, "utf8")

/** Reads values.yaml, with its comments, as text. */
export const readValues = (): string => read("values.yaml")

/** Reads the JSON Schema of the chart's values. */
export const readSchema = (): unknown => JSON.parse(read("values.schema.json"))

/** Returns the SHA-256, in hex, of the names and contents of all files from which helm renders. */
export const chartChecksum = (): string => {
  const files = [
    "Chart.yaml",
    "values.yaml",
    ...globSync(["templates/*", "files/*"], { cwd: chartDirectory })
  ].sort()
  const hash = createHash("sha256")
  for (const file of files) hash.update(`${file}\0${read(file)}\0`)
  return hash.digest("hex")
}
