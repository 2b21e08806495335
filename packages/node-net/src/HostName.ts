import { url } from "./NodeModules.ts"

/**
 * A host's name in lowercase ASCII (RFC 5890). Undefined for a name beyond ASCII that holds more than letters, digits, dots,
 * hyphens and underscores: Node reads only what stands before a `/`, `\` or `?` in it. Names within ASCII are not judged.
 */
export const toAscii = (name: string): string | undefined => {
  if (/^[\0-\x7f]*$/.test(name)) return name.toLowerCase()
  const isName = /^[A-Za-z0-9._\x80-\u{10ffff}-]*$/u.test(name)
  return (isName && url.domainToASCII(name)) || undefined
}
