import { url } from "./NodeModules.ts"

/**
 * Converts a host name to lowercase ASCII (RFC 5890). Does not validate ASCII names. Returns undefined for an invalid
 * non-ASCII name. A non-ASCII name with ASCII characters other than letters, digits, dots, hyphens and underscores is
 * invalid too, because Node would convert only the text before a `/`, `\` or `?`.
 */
export const toAscii = (name: string): string | undefined => {
  if (/^[\0-\x7f]*$/.test(name)) return name.toLowerCase()
  const isName = /^[A-Za-z0-9._\x80-\u{10ffff}-]*$/u.test(name)
  return (isName && url.domainToASCII(name)) || undefined
}
