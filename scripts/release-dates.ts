/**
 * Asks npm for the release dates of the bundled packages, and writes the dates into scripts/build/releases.json.
 * docs/dependencies.md is generated from this JSON file. Run this script when a runtime dependency changes.
 */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { bundle } from "./build/Bundle.ts"
import * as BundledPackages from "./build/BundledPackages.ts"
import type { Release } from "./build/Dependencies.ts"
import * as Source from "./build/Source.ts"

const root = resolve(import.meta.dirname, "..")
const day = (time: string | undefined): string => time?.slice(0, 10) ?? "unknown"

const releaseOf = (name: string, version: string): Release => {
  const { status, stderr, stdout } = spawnSync("npm", ["view", name, "time", "dist-tags", "--json"], {
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`npm view ${name}: ${stderr}`)
  const found = JSON.parse(stdout) as {
    readonly time: Readonly<Record<string, string>>
    readonly "dist-tags": Readonly<Record<string, string>>
  }
  const newest = found["dist-tags"]["latest"] ?? version
  return { usedDay: day(found.time[version]), newest, newestDay: day(found.time[newest]) }
}

const { metafile } = await bundle(root, Source.read(root))
const packages = BundledPackages.bundledPackages(root, metafile)
const releases = {
  asked: day(new Date().toISOString()),
  packages: Object.fromEntries(
    packages.map(({ name, version }) => [`${name}@${version}`, releaseOf(name, version)])
  )
}
writeFileSync(resolve(root, "scripts/build/releases.json"), `${JSON.stringify(releases, undefined, 2)}\n`)
