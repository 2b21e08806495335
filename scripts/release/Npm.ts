import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** Packages that are for work on this project alone: how it is tested, measured, tried and deployed. */
const own = new Set(["bench", "deploy", "e2e", "quickstart"])

interface Manifest {
  readonly name: string
  readonly packageManager?: string
}

const read = (file: string): Manifest => JSON.parse(readFileSync(file, "utf8")) as Manifest

/** Packs the packages that others can compose a program of, from the tree in `directory`, into `out`. */
export const pack = (directory: string, out: string): void => {
  mkdirSync(out, { recursive: true })
  const { packageManager = "pnpm" } = read(join(directory, "package.json"))
  for (const file of globSync("packages/*/package.json", { cwd: directory }).toSorted()) {
    const { name } = read(join(directory, file))
    if (own.has(name.slice(name.indexOf("/") + 1))) continue
    const { error, status, stderr, stdout } = spawnSync(
      "npx",
      ["--yes", packageManager, "pack", "--pack-destination", out],
      {
        cwd: join(directory, dirname(file)),
        encoding: "utf8",
        env: { ...process.env, npm_config_ignore_scripts: "true" }
      }
    )
    if (status !== 0) throw new Error(`${name} cannot be packed: ${error?.message ?? stdout + stderr}`)
  }
}
