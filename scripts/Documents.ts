import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { maxLineLength } from "./Prose.ts"

/** The maximum number of characters in a table cell, without the targets of links. */
export const maxCellLength = 260

export interface PageLine {
  readonly file: string
  readonly number: number
  readonly text: string
}

/** Returns the paths of the repository's Markdown pages, relative to `root`. */
export const markdownPages = (root: string): ReadonlyArray<string> =>
  [
    "*.md",
    "docs/**/*.md",
    "packages/*/README.md",
    "packages/deploy/chart/README.md",
    "packages/examples/**/*.md"
  ]
    .flatMap((pattern) => globSync(pattern, { cwd: root, exclude: (name) => name === "node_modules" }))
    .sort()

/** Returns the lines of a page that are outside code blocks. */
const prose = (root: string, file: string): ReadonlyArray<PageLine> => {
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

/** Removes the targets of links from a line. */
const seen = (text: string): string => text.replaceAll(/\]\([^)]*\)/g, "]")

const isRow = ({ text }: PageLine): boolean => text.startsWith("|")

/** True if a line may be long, because it is a link definition, quotes the title of a test, or has only one word. */
const mayBeLong = ({ text }: PageLine): boolean =>
  /^\[[^\]]+\]: /.test(text) || /^ *- \[[^\]]+\][^"]* "[^"]+"$/.test(text) || !text.trim().includes(" ")

/** Returns the lines of prose that are too long, and the table rows with a cell that is too long. */
export const overlongLines = (root: string, file: string): ReadonlyArray<PageLine> =>
  prose(root, file).filter((line) =>
    isRow(line)
      ? line.text.split(/(?<!\\)\|/).some((cell) => seen(cell.trim()).length > maxCellLength)
      : line.text.length > maxLineLength && !mayBeLong(line)
  )

/** Returns the anchors that GitHub makes for the headings of a page. */
export const anchorsIn = (root: string, file: string): ReadonlySet<string> =>
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

export interface Link extends PageLine {
  /** A path relative to the root of the repository, or a URL. */
  readonly target: string
  readonly anchor: string
}

/** Returns the links and pictures of a page. */
export const linksIn = (root: string, file: string): ReadonlyArray<Link> => {
  const lines = prose(root, file)
  const text = lines.map((line) => line.text).join("\n")
  const found = [...text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)]
  return found.map((match) => {
    const address = match[1] ?? match[2] ?? ""
    const line = lines[text.slice(0, match.index).split("\n").length - 1]
    const [path = "", anchor = ""] = address.split("#")
    const target = /^[a-z]+:/.test(address) ? address : path === "" ? file : join(dirname(file), path)
    return { file, number: line?.number ?? 0, text: address, target, anchor }
  })
}
