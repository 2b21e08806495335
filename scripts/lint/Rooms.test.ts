import { assert, describe, it } from "vitest"
import { globSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { rooms } from "./Rooms.ts"

const packages = resolve(import.meta.dirname, "../../packages")

const foldersOf = (name: string): ReadonlyArray<string> => [
  ...new Set(globSync("**/*.ts", { cwd: join(packages, name, "src") }).map(dirname))
]

/** Formats the folders as one text, so that a failed test shows the different lines. */
const listed = (all: Readonly<Record<string, ReadonlyArray<string>>>): string =>
  Object.entries(all)
    .flatMap(([name, folders]) =>
      folders.filter((folder) => folder !== ".").map((folder) => `${name}/src/${folder}`)
    )
    .toSorted((a, b) => a.localeCompare(b))
    .join("\n")

describe("rooms", () => {
  it("include every folder of every package (add a new folder to scripts/lint/Rooms.ts, with the rooms that it may import)", () => {
    const names = globSync("*/package.json", { cwd: packages }).map(dirname)
    assert.strictEqual(
      listed(Object.fromEntries(Object.entries(rooms).map(([name, own]) => [name, Object.keys(own)]))),
      listed(Object.fromEntries(names.map((name) => [name, foldersOf(name)])))
    )
  })

  it("import only rooms that are listed before them", () => {
    for (const [name, own] of Object.entries(rooms)) {
      const before = new Set(["."])
      for (const [room, open] of Object.entries(own)) {
        for (const other of open) assert.isTrue(before.has(other), `${name}: ${room} imports ${other}`)
        before.add(room)
      }
    }
  })
})
