// Controls, line and paragraph separators, and the format characters that hide or reorder text: none may begin a line
// of its own or drive a terminal.
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const unsafeOnce = new RegExp(unsafe.source, "u")

const escapeUnits = (character: string): string =>
  character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")

/** `text` with each character that could forge a line or drive a terminal as `\uXXXX`. */
export const escape = (text: string): string =>
  unsafeOnce.test(text) ? text.replace(unsafe, escapeUnits) : text

/** At most `length` UTF-16 units of `text`, whole characters. */
export const shorten = (text: string, length: number): string => {
  if (text.length <= length) return text
  const cut = text.slice(0, length - 1)
  const last = cut.charCodeAt(cut.length - 1)
  return `${last >= 0xd800 && last < 0xdc00 ? cut.slice(0, -1) : cut}…`
}

/** `text` in quotes, shortened to what a message has room for. */
export const quote = (text: string): string => escape(JSON.stringify(shorten(text, 60)))
