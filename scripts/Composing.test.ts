import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "..")
const page = readFileSync(join(root, "docs/composing.md"), "utf8")

const linesOf = (text: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")

describe("docs/composing.md", () => {
  it("quotes the examples that the tests run, line by line", () => {
    const files = globSync("packages/examples/{,src/,test/}*.ts", { cwd: root })
    const known = new Set(files.flatMap((file) => linesOf(readFileSync(join(root, file), "utf8"))))
    const quoted = [...page.matchAll(/^ *```ts\n([^]*?)^ *```$/gm)].flatMap(([, code = ""]) => linesOf(code))
    expect(quoted.length).toBeGreaterThan(15)
    expect(quoted.filter((line) => !known.has(line))).toEqual([])
  })

  it("installs the versions that the tests run with", () => {
    const catalog = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")
    const versions = [...page.matchAll(/ ((?:@[a-z-]+\/)?[a-z-]+)@(\d+\.\d+\.\d+)/g)]
    expect(versions.length).toBeGreaterThan(5)
    for (const [, name = "", version = ""] of versions)
      expect(catalog).toMatch(new RegExp(`^ {2}"?${name}"?: ${version.replaceAll(".", "\\.")}$`, "m"))
  })
})
