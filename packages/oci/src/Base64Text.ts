import { Result } from "effect"

/** Why a text is not base64 of UTF-8 text. */
export type Problem = "not base64" | "not UTF-8"

const alphabet = /^[A-Za-z0-9+/]*$/

/**
 * Text that stands as base64: with or without padding, in either alphabet (RFC 4648, sections 4 and 5), blanks and line
 * breaks wherever they are. A byte order mark at its start is left out.
 */
export const decode = (base64: string): Result.Result<string, Problem> => {
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
