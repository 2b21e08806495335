import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { maxLine } from "./Prose.ts"

/** The most characters of a table's cell, without the addresses of links. */
export const maxCell = 260

export interface Line {
  readonly file: string
  readonly number: number
  readonly text: string
}

/** The Markdown pages of the repository, by their paths. */
export const pages = (root: string): ReadonlyArray<string> =>
  [
    "*.md",
    "docs/**/*.md",
    "packages/*/README.md",
    "packages/deploy/chart/README.md",
    "packages/examples/**/*.md"
  ]
    .flatMap((pattern) => globSync(pattern, { cwd: root, exclude: (name) => name === "node_modules" }))
    .sort()

/** A page's lines outside of code blocks. */
const prose = (root: string, file: string): ReadonlyArray<Line> => {
  let isCode = false
  return readFileSync(join(root, file), "utf8")
    .split("\n")
    .flatMap((text, index) => {
      if (text.trimStart().startsWith("```")) {
        isCode = !isCode
        return []
      }
      return isCode ? [] : [{ file, number: index + 1, text }]
    })
}

/** The visible text of a line, without the targets of its links. */
const seen = (text: string): string => text.replaceAll(/\]\([^)]*\)/g, "]")

const isRow = ({ text }: Line): boolean => text.startsWith("|")

/** Lines that are long because of an address, a quoted test or a heading. */
const mayBeLong = ({ text }: Line): boolean =>
  /^\[[^\]]+\]: /.test(text) || /^ *- \[[^\]]+\][^"]* "[^"]+"$/.test(text) || !text.trim().includes(" ")

/** Lines of prose that are too long, and rows with cells that are. */
export const tooLong = (root: string, file: string): ReadonlyArray<Line> =>
  prose(root, file).filter((line) =>
    isRow(line)
      ? line.text.split(/(?<!\\)\|/).some((cell) => seen(cell.trim()).length > maxCell)
      : line.text.length > maxLine && !mayBeLong(line)
  )

/** The anchors of a page's headings, as GitHub makes them. */
export const anchors = (root: string, file: string): ReadonlySet<string> =>
  new Set(
    prose(root, file).flatMap(({ text }) => {
      const [, heading] = /^#+ (.*)$/.exec(text) ?? []
      return heading === undefined
        ? []
        : [
            seen(heading)
              .toLowerCase()
              .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
              .replaceAll(" ", "-")
          ]
    })
  )

export interface Link extends Line {
  /** A path from the root of the repository, or an address. */
  readonly to: string
  readonly anchor: string
}

/** A page's links and pictures. */
export const links = (root: string, file: string): ReadonlyArray<Link> => {
  const lines = prose(root, file)
  const text = lines.map((line) => line.text).join("\n")
  const found = [...text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)]
  return found.map((match) => {
    const target = match[1] ?? match[2] ?? ""
    const line = lines[text.slice(0, match.index).split("\n").length - 1]
    const [path = "", anchor = ""] = target.split("#")
    const to = /^[a-z]+:/.test(target) ? target : path === "" ? file : join(dirname(file), path)
    return { file, number: line?.number ?? 0, text: target, to, anchor }
  })
}
