import { assert, describe, it } from "vitest"
import { globSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { folderImports } from "./FolderImports.ts"

const packages = resolve(import.meta.dirname, "../../packages")

const foldersOf = (name: string): ReadonlyArray<string> => [
  ...new Set(globSync("**/*.ts", { cwd: join(packages, name, "src") }).map(dirname))
]

/** Formats the folders as one text with a line for each folder, so that a failed test shows which lines differ. */
const listed = (all: Readonly<Record<string, ReadonlyArray<string>>>): string =>
  Object.entries(all)
    .flatMap(([name, folders]) =>
      folders.filter((folder) => folder !== ".").map((folder) => `${name}/src/${folder}`)
    )
    .toSorted((a, b) => a.localeCompare(b))
    .join("\n")

describe("folderImports", () => {
  it("lists every folder of every package (add a new folder to scripts/lint/FolderImports.ts, with the folders that it may import)", () => {
    const names = globSync("*/package.json", { cwd: packages }).map(dirname)
    assert.strictEqual(
      listed(
        Object.fromEntries(Object.entries(folderImports).map(([name, own]) => [name, Object.keys(own)]))
      ),
      listed(Object.fromEntries(names.map((name) => [name, foldersOf(name)])))
    )
  })

  it("allows imports only from folders that are listed before", () => {
    for (const [name, own] of Object.entries(folderImports)) {
      const before = new Set(["."])
      for (const [folder, allowed] of Object.entries(own)) {
        for (const other of allowed) assert.isTrue(before.has(other), `${name}: ${folder} imports ${other}`)
        before.add(folder)
      }
    }
  })
})
