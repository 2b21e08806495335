import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { installedManifests, lockedPackages } from "./Lockfile.ts"

const root = resolve(import.meta.dirname, "..")
const text = readFileSync(resolve(root, "pnpm-lock.yaml"), "utf8")
const locked = lockedPackages(text)
const present = new Map(installedManifests(root).map((found) => [`${found.name}@${found.version}`, found]))

/**
 * The licences that packages of the build and of the tests may have. scripts/build/Licences.ts lists the licences that
 * shipped packages may have.
 */
const licences = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "CC-BY-3.0",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MPL-2.0",
  "PSF-2.0",
  "Unlicense"
])

/** Packages that the lockfile has in two versions, and the reason for each. */
const duplicates = new Map([
  ["tslib", "@peculiar/x509, of the tests, has a dependency that asks for version 1"],
  ["typescript", "@arethetypeswrong/core resolves types with an API that version 7 no longer has"]
])

/** Matches the packages of rolldown's WebAssembly build. No supported machine installs these packages. */
const webAssembly = /^@(?:emnapi|napi-rs|tybys)\//

describe("pnpm-lock.yaml", () => {
  it("names each installed package", () => {
    const names = new Set(locked.map(({ name, version }) => `${name}@${version}`))
    expect(locked.length).toBeGreaterThan(100)
    expect([...present.keys()].filter((name) => !names.has(name))).toEqual([])
  })

  it("has the integrity of every package, and names no host", () => {
    expect(locked.filter(({ integrity }) => integrity?.startsWith("sha512-") !== true)).toEqual([])
    expect(text).not.toMatch(/:\/\/|tarball|\bregistry\./)
  })

  it("has two versions of a package only for a reason", () => {
    const versions = Map.groupBy(locked, ({ name }) => name)
    const several = [...versions].filter(([, found]) => found.length > 1).map(([name]) => name)
    expect(several).toEqual([...duplicates.keys()])
  })

  it("has packages of allowed licences only", () => {
    const wrong = [...present.values()].filter(({ license = "none" }) => !licences.has(license))
    expect(wrong.map(({ license, name }) => `${name}: ${license}`)).toEqual([])
    // Packages for other machines are not installed here. Their counterparts for this machine have the same licence.
    const absent = locked.filter(({ name, version }) => !present.has(`${name}@${version}`))
    expect(
      absent.filter(({ isPlatformSpecific, name }) => !isPlatformSpecific && !webAssembly.test(name))
    ).toEqual([])
  })

  it("has install scripts only in the packages that pnpm-workspace.yaml allows", () => {
    const workspace = readFileSync(resolve(root, "pnpm-workspace.yaml"), "utf8")
    const [, section = ""] = /^allowBuilds:\n((?: {2}\S+: true\n)+)/m.exec(workspace) ?? []
    const allowed = [...section.matchAll(/^ {2}(\S+): true$/gm)].map(([, name = ""]) => name)
    const running = [...present.values()].filter(({ scripts = {} }) =>
      ["preinstall", "install", "postinstall"].some((name) => name in scripts)
    )
    expect(running.map(({ name }) => name).toSorted()).toEqual(allowed.toSorted())
  })
})
