import * as PemCertificates from "@registry-packages-proxy/node-net/tls/PemCertificates"
import { Result } from "effect"
import type { ObjectError } from "./ObjectError.ts"
import { invalid } from "./Fields.ts"

/** The certificates that a registry is trusted by. */
export interface Trust {
  /** In the PEM OpenSSL writes; undefined where the text is empty. */
  readonly ca: string | undefined
  /** What is odd about the text, as that a block of it cannot be read. Shows none of it. */
  readonly warning: string | undefined
}

const plural = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`

/**
 * Reads the certificates of a PEM text. Whatever else stands there (comments, a key put there by mistake) is left out,
 * and so is a block that cannot be read, unless all are such. `known` is what an earlier call gave: the same text is not
 * read again, which is most of the work of an object that changes often.
 */
export const trusted = (
  pem: string | null | undefined,
  field: string,
  known?: string
): Result.Result<Trust, ObjectError> => {
  if (pem === undefined || pem === null || pem.trim() === "") {
    return Result.succeed({ ca: undefined, warning: undefined })
  }
  if (pem === known) return Result.succeed({ ca: known, warning: undefined })
  const { certificates, unreadable } = PemCertificates.read(pem)
  if (certificates.length > 0) {
    const left = plural(
      unreadable,
      "block that is not a valid PEM certificate",
      "blocks that are not valid PEM certificates"
    )
    const kept = plural(certificates.length, "other certificate counts", "other certificates count")
    return Result.succeed({
      ca: certificates.join(""),
      warning: unreadable === 0 ? undefined : `${field} has ${left}; the ${kept}`
    })
  }
  return unreadable === 0
    ? invalid(`${field} holds no PEM certificate`)
    : invalid(`${field} holds something that is not a valid PEM certificate, and none that is`)
}
