import { existsSync, globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { assert, describe, it } from "vitest"
import { anchorsIn, linksIn, markdownPages, overlongLines } from "./Documents.ts"

const root = resolve(import.meta.dirname, "..")
const all = markdownPages(root)

const told = ({
  file,
  number,
  text
}: {
  readonly file: string
  readonly number: number
  readonly text: string
}) => `${file}:${number}: ${text}`

describe("documents", () => {
  it("have lines of at most 120 characters (correct them: scripts/wrap-prose.ts) and cells of at most 260 (shorten them)", () => {
    assert.deepStrictEqual(all.flatMap((file) => overlongLines(root, file)).map(told), [])
  })

  it("have links to existing files and headings", () => {
    const broken = all
      .flatMap((file) => linksIn(root, file))
      .filter(({ anchor, target }) => {
        if (/^[a-z]+:/.test(target)) return false
        if (!existsSync(join(root, target))) return true
        return anchor !== "" && target.endsWith(".md") && !anchorsIn(root, target).has(anchor)
      })
    assert.deepStrictEqual(broken.map(told), [])
  })

  it("name only existing sources, by the ends of their paths", () => {
    const sources = ["packages/*/{src,test}/**/*.ts", "scripts/**/*.ts", "*.config.ts"].flatMap((pattern) =>
      globSync(pattern, { cwd: root })
    )
    const missing = all
      .filter((file) => file !== "docs/CHANGELOG.md")
      .flatMap((file) =>
        [...readFileSync(join(root, file), "utf8").matchAll(/`([\w./-]*\w\.ts)`/g)]
          .filter(([, name = ""]) => !sources.some((path) => `/${path}`.endsWith(`/${name}`)))
          .map(([, name]) => `${file}: ${name}`)
      )
    assert.deepStrictEqual(missing, [])
  })

  it("are each linked from README.md", () => {
    const named = new Set(linksIn(root, "README.md").map(({ target }) => target))
    const missing = all.filter((file) => /^docs\/[^/]+\.md$/.test(file) && !named.has(file))
    assert.deepStrictEqual(missing, [])
  })

  it("name commands of package.json only", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>
    }
    const unknown = all.flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/\bnpm run (\w+(?::\w+)*)/g)]
        .filter(([, name = ""]) => !Object.hasOwn(scripts, name))
        .map(([command]) => `${file}: ${command}`)
    )
    assert.deepStrictEqual(unknown, [])
  })

  it("have only figures of the last run in docs/performance.md, rounded, in the README files' reasons", () => {
    const performance = readFileSync(join(root, "docs/performance.md"), "utf8")
    const [, targets = ""] = /### Targets\n([^]*?)\n### /.exec(performance) ?? []
    const measured = [...targets.matchAll(/\d+(?:\.\d+)?/g)].map(([figure]) => Number(figure))
    for (const file of ["README.md", "docs/ru/README.md"]) {
      const [, reasons = ""] =
        /start:end -->\n([^]*?)\n!\[/.exec(readFileSync(join(root, file), "utf8")) ?? []
      const figures = [...reasons.replaceAll(/(\d),(\d)/g, "$1.$2").matchAll(/(?<![\d.])\d+\.(\d+)/g)]
      assert.isAtLeast(figures.length, 5, file)
      const unknown = figures
        .filter(
          ([figure, decimals = ""]) => !measured.some((value) => value.toFixed(decimals.length) === figure)
        )
        .map(([figure]) => `${file}: ${figure}`)
      assert.deepStrictEqual(unknown, [])
    }
  })
})
