import { load } from "js-yaml"

/** A documented value of the chart. */
export interface DocumentedValue {
  /** The value's path, in the form of helm's `--set`: `cache.size`. */
  readonly path: string
  readonly default: unknown
  readonly description: string
}

const at = (tree: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>>)[key], tree)

/**
 * Finds the values in the text of values.yaml that have a comment directly above them, in the order of the file. Values
 * without a comment are described by their parent's comment. A comment before an empty line describes the whole file.
 */
export const findDocumentedValues = (values: string): ReadonlyArray<DocumentedValue> => {
  const tree: unknown = load(values)
  const found: Array<DocumentedValue> = []
  const open: Array<{ readonly indent: number; readonly key: string }> = []
  let comment: Array<string> = []
  for (const line of values.split("\n")) {
    const [, text] = /^\s*# ?(.*)$/.exec(line) ?? []
    const [, spaces = "", key] = /^( *)([A-Za-z][\w-]*):(?: |$)/.exec(line) ?? []
    if (text !== undefined) comment.push(text)
    if (key !== undefined) {
      while ((open.at(-1)?.indent ?? -1) >= spaces.length) open.pop()
      open.push({ indent: spaces.length, key })
      if (comment.length > 0) {
        const path = open.map(({ key }) => key)
        found.push({ path: path.join("."), default: at(tree, path), description: comment.join(" ") })
      }
    }
    if (text === undefined) comment = []
  }
  return found
}
