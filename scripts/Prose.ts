/** The maximum number of characters in a line of prose. */
export const maxLineLength = 120

/** Matches a heading, table row, quote, comment, link definition or code fence. Such lines are not wrapped. */
const block = /^\s*(?:#|\||>|<!--|\[[^\]]+\]: |```)/
const item = /^(\s*)(?:[-*+]|\d+\.) +/

/** Matches a word that would begin a list item, heading, quote or table row at the start of a line. */
const mark = /^(?:[-+*#|>]$|#|\||>|\d+\.$)/

/**
 * Splits text at spaces where a new line may begin. Does not split text in backticks, and does not split before a word
 * that `mark` matches.
 */
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

/**
 * Breaks a paragraph or a list item into lines of at most `maxLineLength` characters. Never breaks an element that
 * `parts` returns, even if the element is longer than a line.
 */
const rewrapped = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [first = ""] = lines
  const begin = item.exec(first)?.[0] ?? /^\s*/.exec(first)?.[0] ?? ""
  const indent = item.test(first) ? " ".repeat(begin.length) : begin
  const words = parts([first.slice(begin.length), ...lines.slice(1)].join(" "))
  const result: Array<string> = []
  let line = begin
  let count = 0
  for (const word of words) {
    if (count > 0 && line.length + 1 + word.length > maxLineLength) {
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

/** Wraps the paragraphs and list items of `text` that have a line longer than `maxLineLength`. */
export const wrapProse = (text: string): string => {
  const result: Array<string> = []
  let open: Array<string> = []
  let isCode = false
  const close = () => {
    // An item with the file and the title of a test stays on one line.
    const isQuote = open.length === 1 && /^ *- \[[^\]]+\][^"]* "[^"]+"$/.test(open[0] ?? "")
    result.push(...(!isQuote && open.some((line) => line.length > maxLineLength) ? rewrapped(open) : open))
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
