import type { Metafile } from "esbuild"
import { readFileSync } from "node:fs"
import { join } from "node:path"

/** A third-party package with code in the bundle. */
export interface BundledPackage {
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly licence: string
  /** Size of the package's code in the bundle, in bytes. */
  readonly bytes: number
  /** The path of the installed package, relative to the root of the checkout. */
  readonly directory: string
}

const inPackage = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+\//

/** Returns the third-party packages with code in the bundle, sorted by name. Throws if a package has no licence. */
export const bundledPackages = (root: string, metafile: Metafile): ReadonlyArray<BundledPackage> => {
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
      if (licence === undefined) throw new Error(`${name} ${version}: package.json has no licence`)
      return { name, version, licence, bytes, directory }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Parses packages.json, which `npm run build` writes. */
export const parse = (text: string): ReadonlyArray<BundledPackage> =>
  JSON.parse(text) as ReadonlyArray<BundledPackage>
