/** The most characters of a line of prose. */
export const maxLine = 120

/** The beginning of a block: a heading, a row, a quote, a comment, a definition, an item. */
const block = /^\s*(?:#|\||>|<!--|\[[^\]]+\]: |```)/
const item = /^(\s*)(?:[-*+]|\d+\.) +/

/** A text that is an item or a heading at the beginning of a line. */
const mark = /^(?:[-+*#|>]$|#|\||>|\d+\.$)/

/** Splits text at the places where a line may end: not within backticks, and not before a mark. */
const parts = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let isOpen = false
  for (const word of text.split(/\s+/).filter((each) => each !== "")) {
    if (isOpen || (mark.test(word) && found.length > 0)) found.push(`${found.pop()} ${word}`)
    else found.push(word)
    if (word.split("`").length % 2 === 0) isOpen = !isOpen
  }
  return found
}

/** Wraps a paragraph or an item into lines that are not too long; no line starts with a mark. */
const rewrapped = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [first = ""] = lines
  const begin = item.exec(first)?.[0] ?? /^\s*/.exec(first)?.[0] ?? ""
  const indent = item.test(first) ? " ".repeat(begin.length) : begin
  const words = parts([first.slice(begin.length), ...lines.slice(1)].join(" "))
  const result: Array<string> = []
  let line = begin
  let count = 0
  for (const word of words) {
    if (count > 0 && line.length + 1 + word.length > maxLine) {
      result.push(line)
      line = indent + word
      count = 1
      continue
    }
    line += count === 0 ? word : ` ${word}`
    count++
  }
  return [...result, line]
}

/** `text` with each paragraph and item wrapped that has a line which is too long. */
export const wrapped = (text: string): string => {
  const result: Array<string> = []
  let open: Array<string> = []
  let isCode = false
  const close = () => {
    // A test quoted beside its file stays on one line.
    const isQuote = open.length === 1 && /^ *- \[[^\]]+\][^"]* "[^"]+"$/.test(open[0] ?? "")
    result.push(...(!isQuote && open.some((line) => line.length > maxLine) ? rewrapped(open) : open))
    open = []
  }
  for (const line of text.split("\n")) {
    if (line.trimStart().startsWith("```")) {
      close()
      isCode = !isCode
      result.push(line)
    } else if (isCode || line.trim() === "" || block.test(line)) {
      close()
      result.push(line)
    } else {
      if (item.test(line)) close()
      open.push(line)
    }
  }
  close()
  return result.join("\n")
}
