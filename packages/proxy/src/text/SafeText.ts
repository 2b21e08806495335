// Controls, line and paragraph separators, and the format characters that hide or reorder text.
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const unsafeOnce = new RegExp(unsafe.source, "u")

const escapeUnits = (character: string): string =>
  character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")

/** `text` with every character that could start a new line or control a terminal written as `\uXXXX`. */
export const escape = (text: string): string =>
  unsafeOnce.test(text) ? text.replace(unsafe, escapeUnits) : text

/** `text` cut to at most `length` UTF-16 units, between characters; `…` marks the cut. */
export const shorten = (text: string, length: number): string => {
  if (text.length <= length) return text
  const cut = text.slice(0, length - 1)
  const last = cut.charCodeAt(cut.length - 1)
  return `${last >= 0xd800 && last < 0xdc00 ? cut.slice(0, -1) : cut}…`
}

/** `text` as a quoted JSON string of at most 60 characters, for error messages. */
export const quote = (text: string): string => escape(JSON.stringify(shorten(text, 60)))
