import * as PemCertificates from "@registry-packages-proxy/node-net/tls/PemCertificates"
import { Result } from "effect"
import type { ObjectError } from "./ObjectError.ts"
import { invalid } from "./ObjectFields.ts"

/** The authorities that are trusted to sign a registry's certificate. */
export interface Trust {
  /** PEM as OpenSSL writes it; undefined if the text is empty. */
  readonly ca: string | undefined
  /** A warning, such as that a block is not a valid certificate. Shows none of the text. */
  readonly warning: string | undefined
}

const plural = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`

/**
 * Parses the certificates of a PEM text. Ignores all other text, such as comments or a key, and invalid blocks unless
 * all are invalid. `previous` is the result of an earlier call: an equal text is not parsed again, since that is most
 * of the work for an object that changes often.
 */
export const parseTrust = (
  pem: string | null | undefined,
  field: string,
  previous?: string
): Result.Result<Trust, ObjectError> => {
  if (pem === undefined || pem === null || pem.trim() === "") {
    return Result.succeed({ ca: undefined, warning: undefined })
  }
  if (pem === previous) return Result.succeed({ ca: previous, warning: undefined })
  const { certificates, unreadable } = PemCertificates.read(pem)
  if (certificates.length > 0) {
    const invalidBlocks = plural(
      unreadable,
      "block that is not a valid PEM certificate",
      "blocks that are not valid PEM certificates"
    )
    const others = plural(certificates.length, "other certificate is used", "other certificates are used")
    return Result.succeed({
      ca: certificates.join(""),
      warning: unreadable === 0 ? undefined : `${field} has ${invalidBlocks}; the ${others}`
    })
  }
  return unreadable === 0
    ? invalid(`${field} has no PEM certificate`)
    : invalid(`${field} has no valid PEM certificate`)
}
