import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"

const page = fileURLToPath(new URL("../docs/reliability.md", import.meta.url))
const text = readFileSync(page, "utf8")

/**
 * The minimum number of constant characters in a string or template that may be the title of a test. A shorter template
 * would match too many titles.
 */
const fewestCharacters = 8

/**
 * Returns a pattern for each string and template in a source, except short ones. The pattern of a template accepts any
 * text for `${...}`.
 */
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
  readonly file: string
  readonly title: string
}

/** The path of each test file by link name, from the link definitions in docs/reliability.md. */
const files = new Map(
  [...text.matchAll(/^\[([^\]]+)\]: (\S+)$/gm)].map(([, name = "", file = ""]) => [name, file])
)

/** Parses a list item `- [File] "title"`, optionally with words before the title. Undefined for any other item. */
const proofOf = (item: string): Proof | undefined => {
  const [, name = "", title] = /^ {2}- \[([^\]]+)\][^"]* "([^"]+)"$/.exec(item) ?? []
  return title === undefined ? undefined : { file: files.get(name) ?? `the file of [${name}]`, title }
}

/**
 * The promises in docs/reliability.md. `promise` is the first line of a promise, and `items` are the list items below
 * this line.
 */
const promises = text
  .split(/^(?=- )|\n\n/m)
  .filter((part) => part.startsWith("- ") && part.includes("\n  - "))
  .map((part) => {
    const [promise = "", ...lines] = part.trimEnd().split("\n")
    return { promise, items: lines.filter((line) => line.startsWith("  - ")) }
  })

const proofs = promises.flatMap(({ items }) => items.map(proofOf)).filter((proof) => proof !== undefined)

const pathOf = (link: string): string => fileURLToPath(new URL(link, `file://${page}`))

describe("docs/reliability.md", () => {
  it("names a test for every promise", () => {
    assert.isAbove(promises.length, 100)
    for (const { items, promise } of promises) {
      assert.isNotEmpty(
        items.map(proofOf).filter((proof) => proof !== undefined),
        promise
      )
    }
  })

  it("names the file of every quoted test", () => {
    const quoting = promises.flatMap(({ items }) => items).filter((item) => item.includes('"'))
    assert.deepStrictEqual(
      quoting.filter((item) => proofOf(item) === undefined),
      []
    )
  })

  it("names existing files and tests only", () => {
    for (const { file, title } of proofs) {
      assert.isTrue(existsSync(pathOf(file)), `${file}: ${title}`)
      const known = titlesOf(readFileSync(pathOf(file), "utf8"))
      assert.isTrue(
        known.some((pattern) => pattern.test(title)),
        `${file}: ${title}`
      )
    }
    for (const [name, file] of files) {
      assert.isTrue(existsSync(pathOf(file)), file)
      assert.isAbove(text.split(`[${name}]`).length, 2, `[${name}] is named nowhere`)
    }
  })
})
