import { existsSync, globSync, readFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "..")

/** The names that a package's index.ts exports, types included. */
const exportsOf = (name: string): ReadonlySet<string> => {
  const index = readFileSync(join(root, "packages", name, "src/index.ts"), "utf8")
  const lists = [...index.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = ""]) =>
    list.split(",").map((item) => item.trim().replace("type ", ""))
  )
  return new Set([...lists, ...[...index.matchAll(/export \* as (\w+)/g)].map(([, name = ""]) => name)])
}

/** The READMEs of the packages that have an index.ts. */
const readmes = globSync("packages/*/src/index.ts", { cwd: root })
  .map((file) => basename(dirname(dirname(file))))
  .map((name) => ({ name, text: readFileSync(join(root, "packages", name, "README.md"), "utf8") }))

describe("a package's readme", () => {
  it("imports only names that an index.ts exports", () => {
    const missing = readmes.flatMap(({ name, text }) =>
      [...text.matchAll(/import \{([^}]*)\} from "@registry-packages-proxy\/([a-z-]+)"/g)].flatMap(
        ([, names = "", from = ""]) => {
          const exported = exportsOf(from)
          return names
            .split(",")
            .map((item) => item.trim().replace("type ", ""))
            .filter((item) => !exported.has(item))
            .map((item) => `${name}: ${item} of ${from}`)
        }
      )
    )
    expect(missing).toEqual([])
  })

  it("has in its table only names of files and of exports of index.ts", () => {
    let names = 0
    const missing = readmes.flatMap(({ name, text }) => {
      const exported = exportsOf(name)
      const rows = [...text.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = ""]) => [
        ...cell.matchAll(/`(\w+)`/g)
      ])
      names += rows.length
      return rows
        .map(([, word = ""]) => word)
        .filter((word) => !exported.has(word) && !existsSync(join(root, "packages", name, `src/${word}.ts`)))
        .map((word) => `${name}: ${word}`)
    })
    expect(names).toBeGreaterThan(50)
    expect(missing).toEqual([])
  })
})
