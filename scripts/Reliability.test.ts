import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"

const page = fileURLToPath(new URL("../docs/reliability.md", import.meta.url))
const text = readFileSync(page, "utf8")

/** What of a template says which test it is; one with less may become anything. */
const fewestCharacters = 8

/** Every string and template in a source, as the pattern of what it may become. */
const titlesOf = (source: string): ReadonlyArray<RegExp> =>
  [...source.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)]
    .map(([, string, template = ""]) =>
      string === undefined ? template.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/) : [string.replace(/\\(.)/g, "$1")]
    )
    .filter((parts) => parts.join("").length >= fewestCharacters)
    .map(
      (parts) =>
        new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".+")}$`)
    )

interface Proof {
  readonly promise: string
  readonly file: string
  readonly titles: ReadonlyArray<string>
}

/** What a text names: files by their links, and the tests quoted beside each. */
const proofsOf = (promise: string, cell: string): ReadonlyArray<Proof> =>
  cell.split(/(?<=\.md\)|"); |(?<=\.ts\)), /).flatMap((part) => {
    const file = /\]\(([^)]+\.ts)\)/.exec(part)?.[1]
    const titles = [...part.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => title)
    return file === undefined ? [] : [{ promise, file, titles }]
  })

const rows = text
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| promise"))
  .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")))

const pathOf = (link: string): string => fileURLToPath(new URL(link, `file://${page}`))

describe("docs/reliability.md", () => {
  it("names a test for every promise", () => {
    assert.isAbove(rows.length, 30)
    for (const [promise = "", cell = ""] of rows) {
      const proofs = proofsOf(promise, cell)
      assert.isNotEmpty(proofs, promise)
      for (const { file, titles } of proofs) assert.isNotEmpty(titles, `${promise}: ${file}`)
      assert.strictEqual(
        proofs.reduce((count, { titles }) => count + titles.length, 0),
        cell.split('"').length >> 1,
        `${promise}: a test beside no file`
      )
    }
  })

  it("names only files and tests that are there", () => {
    const named = rows.flatMap(([promise = "", cell = ""]) => proofsOf(promise, cell))
    for (const { file, titles } of named) {
      assert.isTrue(existsSync(pathOf(file)), file)
      const known = titlesOf(readFileSync(pathOf(file), "utf8"))
      for (const title of titles)
        assert.isTrue(
          known.some((pattern) => pattern.test(title)),
          `${file}: ${title}`
        )
    }
    for (const [, link = ""] of text.matchAll(/\]\(([^)]+)\)/g)) assert.isTrue(existsSync(pathOf(link)), link)
  })
})
