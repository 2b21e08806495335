import { Result } from "effect"

/** The reason why a text cannot be decoded. */
export type Base64Problem = "not base64" | "not UTF-8"

const alphabet = /^[A-Za-z0-9+/]*$/

/**
 * Decodes base64 to UTF-8 text. Accepts both alphabets (RFC 4648, sections 4 and 5), with or without padding, and
 * whitespace anywhere. Drops a byte order mark at the start of the text.
 */
export const decode = (base64: string): Result.Result<string, Base64Problem> => {
  const digits = base64
    .replace(/\s+/g, "")
    .replace(/={1,2}$/, "")
    .replaceAll("-", "+")
    .replaceAll("_", "/")
  if (!alphabet.test(digits) || digits.length % 4 === 1) return Result.fail("not base64")
  try {
    return Result.succeed(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(digits, "base64")))
  } catch {
    return Result.fail("not UTF-8")
  }
}
