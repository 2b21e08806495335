import { load } from "js-yaml"

/** A value of the Helm chart that has a comment in values.yaml. */
export interface DocumentedValue {
  /** The value's path, as in helm's option `--set`. Example: `cache.size`. */
  readonly path: string
  readonly default: unknown
  readonly description: string
}

const at = (tree: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>>)[key], tree)

/**
 * Returns the values that have a comment directly above them, in the order of the file. `values` is the text of
 * values.yaml. A value without a comment is omitted, because its parent's comment describes it. A comment before an
 * empty line describes the whole file, so it describes no value.
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
