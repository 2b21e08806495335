import type { Metafile } from "esbuild"
import { readFileSync } from "node:fs"
import { join } from "node:path"

/** A package of others, parts of which are in the bundle. */
export interface BundledPackage {
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly licence: string
  /** Bytes of the bundle that come from it. */
  readonly bytes: number
  /** The path of its installation, relative to the checkout. */
  readonly directory: string
}

const inPackage = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+\//

/** The packages of others that esbuild put something of into the bundle of the checkout at `root`, by name. */
export const packages = (root: string, metafile: Metafile): ReadonlyArray<BundledPackage> => {
  const bytes = new Map<string, number>()
  for (const output of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const [directory] = inPackage.exec(file) ?? []
      if (directory === undefined || bytesInOutput === 0) continue
      bytes.set(directory, (bytes.get(directory) ?? 0) + bytesInOutput)
    }
  }
  return [...bytes]
    .map(([directory, bytes]) => {
      const manifest = JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8")) as {
        readonly name: string
        readonly version: string
        readonly license?: string
      }
      const { license: licence, name, version } = manifest
      if (licence === undefined) throw new Error(`${name} ${version} does not say its licence`)
      return { name, version, licence, bytes, directory }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** The content of packages.json, which `npm run build` writes. */
export const parse = (text: string): ReadonlyArray<BundledPackage> =>
  JSON.parse(text) as ReadonlyArray<BundledPackage>
