import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** A package in pnpm-lock.yaml. */
export interface LockedPackage {
  readonly name: string
  readonly version: string
  readonly integrity: string | undefined
  /** True if the package supports only some processors, operating systems or C libraries. */
  readonly isPlatformSpecific: boolean
  /** The YAML text of the package in pnpm-lock.yaml. */
  readonly entry: string
}

/** Parses the packages of a pnpm-lock.yaml. Supports version 9 of the format. */
export const lockedPackages = (text: string): ReadonlyArray<LockedPackage> => {
  const [, section = ""] = /^packages:\n\n([^]*?)(?=^\S|$(?![^]))/m.exec(text) ?? []
  return section
    .split(/^ {2}(?=\S)/m)
    .filter((part) => part.trim() !== "")
    .map((entry) => {
      const [, name = "", version = ""] = /^'?((?:@[^/]+\/)?[^@'\s]+)@([^':]+)'?:/.exec(entry) ?? []
      const [, integrity] = /^ {4}resolution: \{integrity: ([^}]+)\}$/m.exec(entry) ?? []
      return { name, version, integrity, isPlatformSpecific: /^ {4}(?:cpu|os|libc): /m.test(entry), entry }
    })
}

/** Fields of an installed package's package.json. */
export interface InstalledManifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly scripts?: Readonly<Record<string, string>>
}

/** Returns the package.json of each package that is installed in the checkout at `root`. */
export const installedManifests = (root: string): ReadonlyArray<InstalledManifest> =>
  globSync(["node_modules/.pnpm/*/node_modules/*", "node_modules/.pnpm/*/node_modules/@*/*"], { cwd: root })
    .map((directory) => join(root, directory, "package.json"))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, "utf8")) as InstalledManifest)
