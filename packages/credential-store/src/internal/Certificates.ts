import { X509Certificate } from "node:crypto"
import { Result } from "effect"
import type { ObjectError } from "../ObjectError.ts"
import { invalid } from "./Fields.ts"

const begin = "-----BEGIN CERTIFICATE-----"
const end = "-----END CERTIFICATE-----"

const bodies = (pem: string): ReadonlyArray<string> =>
  pem
    .split(begin)
    .slice(1)
    .map((rest) => {
      const stop = rest.indexOf(end)
      return stop === -1 ? "" : rest.slice(0, stop)
    })

/**
 * The certificates of a PEM text, each checked to be one, in the PEM OpenSSL writes; undefined for no text. Whatever
 * else stands in the text (comments, a key put there by mistake) is left out. `known` is what an earlier call gave: the
 * same text is not checked again, which is most of the work of an object that changes often.
 */
export const trusted = (
  pem: string | null | undefined,
  field: string,
  known?: string
): Result.Result<string | undefined, ObjectError> => {
  if (pem === undefined || pem === null || pem.trim() === "") return Result.succeed(undefined)
  if (pem === known) return Result.succeed(known)
  const found = bodies(pem)
  if (found.length === 0) return invalid(`${field} holds no PEM certificate`)
  try {
    return Result.succeed(
      found.map((body) => new X509Certificate(`${begin}\n${body.trim()}\n${end}\n`).toString()).join("")
    )
  } catch {
    return invalid(`${field} holds something that is not a valid PEM certificate`)
  }
}
