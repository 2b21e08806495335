/**
 * Runs the script of a bundle until it serves and writes the code V8 has for it by then: `warm-up.ts SCRIPT CODE PORT
 * DIRECTORY`. A process of its own, since the program takes all of one.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Script } from "node:vm"

const [, , file = "", output = "", port = "", directory = ""] = process.argv
const credentials = join(directory, "credentials.yaml")
writeFileSync(
  credentials,
  "apiVersion: deckhouse.io/v1alpha1\nkind: ModuleSource\nmetadata: { name: warm-up }\nspec: { registry: { repo: warm-up.invalid/modules } }\n"
)
const address = `127.0.0.1:${port}`
const script = new Script(readFileSync(file, "latin1"), { filename: file })
process.argv = [
  process.execPath,
  file,
  `--listen-address=${address}`,
  `--credentials-file=${credentials}`,
  `--cache-directory=${join(directory, "cache")}`
]
script.runInThisContext()

const isReady = async (): Promise<boolean> => {
  const { get } = await import("node:http")
  return new Promise((resolve) => {
    get(`http://${address}/readyz`, (response) => resolve(response.resume().statusCode === 200)).on(
      "error",
      () => resolve(false)
    )
  })
}
while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 20))
writeFileSync(output, script.createCachedData())
process.exit()
