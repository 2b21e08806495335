import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { BundledPackage } from "./BundledPackages.ts"

/** The SPDX names of the licences that shipped third-party code may have. */
export const allowedLicences: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT"
])

const textOf = (directory: string): string => {
  const name = readdirSync(directory).find((name) => /^licen[cs]e(?:\.(?:md|txt))?$/i.test(name))
  if (name === undefined) throw new Error(`${directory} has no file with its licence`)
  return readFileSync(join(directory, name), "utf8").trim()
}

/**
 * Writes the licences of registry-packages-proxy, of the bundled packages, and of Node with its components into
 * `directory`. Throws if the licence of a package is not allowed.
 */
export const write = (
  root: string,
  directory: string,
  packages: ReadonlyArray<BundledPackage>,
  nodeLicence: string
): void => {
  const wrong = packages.filter(({ licence }) => !allowedLicences.has(licence))
  if (wrong.length > 0) {
    const names = wrong.map(({ licence, name }) => `${name} (${licence})`)
    throw new Error(
      `licences that are not allowed: ${names.join(", ")}; allowed: ${[...allowedLicences].join(", ")}`
    )
  }
  mkdirSync(directory, { recursive: true })
  copyFileSync(join(root, "LICENSE"), join(directory, "LICENSE"))
  copyFileSync(nodeLicence, join(directory, "node.txt"))
  const rule = "=".repeat(80)
  writeFileSync(
    join(directory, "packages.txt"),
    packages
      .map(({ directory, licence, name, version }) =>
        [rule, `${name} ${version} (${licence})`, rule, "", textOf(join(root, directory)), ""].join("\n")
      )
      .join("\n")
  )
}
