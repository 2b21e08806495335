import { createHash } from "node:crypto"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The absolute path of the Helm chart's directory. */
export const chartDirectory = fileURLToPath(new URL("../chart", import.meta.url))

const read = (name: string): string => readFileSync(`${chartDirectory}/${name}`, "utf8")

/** Returns the text of the chart's values.yaml, with its comments. */
export const readValues = (): string => read("values.yaml")

/** Returns the parsed JSON Schema of the chart's values. */
export const readSchema = (): unknown => JSON.parse(read("values.schema.json"))

/**
 * Returns the SHA-256 digest, in hex, of all chart files from which helm renders manifests. The digest covers the
 * files' names and contents.
 */
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
