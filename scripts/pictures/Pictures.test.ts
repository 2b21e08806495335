import { globSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { assert, describe, it } from "vitest"
import { importsOf } from "./Architecture.ts"
import { hit } from "./Hit.ts"
import { miss } from "./Miss.ts"
import { pictures } from "./Pictures.ts"
import { textWidth } from "./Svg.ts"

const root = resolve(import.meta.dirname, "../..")

/** Returns the workspace packages that the sources of a package import. */
const importedBy = (name: string): ReadonlyArray<string> => {
  const sources = globSync("**/*.ts", { cwd: join(root, "packages", name, "src") })
  const found = sources.flatMap((file) => [
    ...readFileSync(join(root, "packages", name, "src", file), "utf8").matchAll(
      /(?:from |import\(|import )"@registry-packages-proxy\/([a-z0-9-]+)/g
    )
  ])
  return [...new Set(found.map(([, other = ""]) => other))].filter((other) => other !== name).toSorted()
}

/**
 * Returns the text of the source file `<port>.ts` of any package, or an empty string if there is no such file. `port`
 * is the name of an Effect service in a picture.
 */
const sourceOf = (port: string): string => {
  const [file] = globSync(`packages/*/src/${port}.ts`, { cwd: root })
  return file === undefined ? "" : readFileSync(join(root, file), "utf8")
}

describe("pictures", () => {
  it("show the imports of the package.json files, which name exactly what the sources import", () => {
    for (const [name, imports] of importsOf(root)) {
      assert.deepStrictEqual([...imports].toSorted(), importedBy(name), `packages/${name}/package.json`)
    }
  })

  it("name ports and their members as the code does", () => {
    let members = 0
    for (const { participants, steps } of [miss, hit]) {
      const ports = Object.entries(participants).filter(([, { kind }]) => kind === "port")
      for (const [, { title }] of ports) assert.include(sourceOf(title), `export class ${title} `)
      for (const step of steps) {
        if (step._tag !== "Call") continue
        const title = participants[step.to]?.kind === "port" ? participants[step.to]?.title : undefined
        for (const [, member = ""] of title === undefined ? [] : step.text.matchAll(/(\w+)\(/g)) {
          assert.include(sourceOf(title ?? ""), `readonly ${member}:`, `${title}.${member}`)
          members++
        }
      }
    }
    assert.isAtLeast(members, 8)
  })

  it("fit the width of a README, have descriptions, and have light and dark colours", () => {
    for (const [name, svg] of Object.entries(pictures(root))) {
      assert.isAtMost(Number(/ width="([\d.]+)"/.exec(svg)?.[1]), 870, name)
      assert.match(svg, /<title id="title">.+<\/title>\n<desc id="description">.+\.<\/desc>/, name)
      assert.include(svg, "@media (prefers-color-scheme: dark)", name)
    }
  })

  it("are each shown by a page, with alternative text", () => {
    const pages = ["README.md", ...globSync("docs/*.md", { cwd: root })].map((file) => ({
      folder: dirname(file),
      text: readFileSync(join(root, file), "utf8")
    }))
    for (const name of Object.keys(pictures(root))) {
      const shown = pages.some(({ text }) =>
        new RegExp(`!\\[[^\\]]{20,}\\]\\([^)]*pictures/${name}\\)`, "s").test(text)
      )
      assert.isTrue(shown, `docs/pictures/${name} is on no page`)
    }
  })

  it("take every text for at least as wide as it is in a wide font", () => {
    // These widths were measured in a renderer, with DejaVu Sans at 12 px.
    assert.isAtLeast(textWidth("SubjectAccessReview", 12), 118)
    assert.isAtLeast(textWidth("HTTP/1.1, proxies, TLS anchors", 12), 178)
  })
})
