import { existsSync, globSync, readFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "..")

/** The names that a package's face exports, types included. */
const faceOf = (name: string): ReadonlySet<string> => {
  const face = readFileSync(join(root, "packages", name, "src/index.ts"), "utf8")
  const lists = [...face.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = ""]) =>
    list.split(",").map((item) => item.trim().replace("type ", ""))
  )
  return new Set([...lists, ...[...face.matchAll(/export \* as (\w+)/g)].map(([, name = ""]) => name)])
}

/** The packages that have a face, and their readmes. */
const readmes = globSync("packages/*/src/index.ts", { cwd: root })
  .map((file) => basename(dirname(dirname(file))))
  .map((name) => ({ name, text: readFileSync(join(root, "packages", name, "README.md"), "utf8") }))

describe("a package's readme", () => {
  it("imports what faces export", () => {
    const missing = readmes.flatMap(({ name, text }) =>
      [...text.matchAll(/import \{([^}]*)\} from "@registry-packages-proxy\/([a-z-]+)"/g)].flatMap(
        ([, names = "", from = ""]) => {
          const face = faceOf(from)
          return names
            .split(",")
            .map((item) => item.trim().replace("type ", ""))
            .filter((item) => !face.has(item))
            .map((item) => `${name}: ${item} of ${from}`)
        }
      )
    )
    expect(missing).toEqual([])
  })

  it("begins its table's rows with names that the face or a file has", () => {
    let names = 0
    const missing = readmes.flatMap(({ name, text }) => {
      const face = faceOf(name)
      const rows = [...text.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = ""]) => [
        ...cell.matchAll(/`(\w+)`/g)
      ])
      names += rows.length
      return rows
        .map(([, word = ""]) => word)
        .filter((word) => !face.has(word) && !existsSync(join(root, "packages", name, `src/${word}.ts`)))
        .map((word) => `${name}: ${word}`)
    })
    expect(names).toBeGreaterThan(50)
    expect(missing).toEqual([])
  })
})
