// Control characters, line and paragraph separators, and the format characters that hide or reorder text.
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const unsafeOnce = new RegExp(unsafe.source, "u")

const escapeUnits = (character: string): string =>
  character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")

/** Escapes, as `\uXXXX`, each character of `text` that could start a new line, control a terminal, or hide text. */
export const escape = (text: string): string =>
  unsafeOnce.test(text) ? text.replace(unsafe, escapeUnits) : text

/** Returns `text` cut to at most `length` UTF-16 units. Never cuts a surrogate pair. `…` marks the cut. */
export const shorten = (text: string, length: number): string => {
  if (text.length <= length) return text
  const cut = text.slice(0, length - 1)
  const last = cut.charCodeAt(cut.length - 1)
  return `${last >= 0xd800 && last < 0xdc00 ? cut.slice(0, -1) : cut}…`
}

/** Returns `text`, cut to 60 UTF-16 units, as a JSON string in quotes. For error messages. */
export const quote = (text: string): string => escape(JSON.stringify(shorten(text, 60)))
