import * as PemCertificates from "@registry-packages-proxy/node-net/tls/PemCertificates"
import { Result } from "effect"
import type { ObjectError } from "./ObjectError.ts"
import { invalid } from "./ObjectFields.ts"

/** The authorities that are trusted to sign a registry's certificate. */
export interface TrustedCertificates {
  /** The certificates in the PEM format that OpenSSL writes. Undefined if the parsed PEM text is empty. */
  readonly ca: string | undefined
  /**
   * A warning about blocks that are not valid certificates. Undefined if there are none. Contains no part of the PEM
   * text.
   */
  readonly warning: string | undefined
}

const plural = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`

/**
 * Parses the certificates of a PEM text. Ignores other text, such as comments or a key. Skips invalid blocks, and
 * reports them in `warning`. Fails if the text is not empty and has no valid certificate. `field` names the text in
 * messages.
 *
 * `previous` is the `ca` of an earlier result. If `pem` equals `previous`, nothing is parsed, and `ca` is `previous`.
 * This saves most of the work for an object that changes often.
 */
export const parseCertificates = (
  pem: string | null | undefined,
  field: string,
  previous?: string
): Result.Result<TrustedCertificates, ObjectError> => {
  if (pem === undefined || pem === null || pem.trim() === "") {
    return Result.succeed({ ca: undefined, warning: undefined })
  }
  if (pem === previous) return Result.succeed({ ca: previous, warning: undefined })
  const { certificates, unreadableCount } = PemCertificates.parse(pem)
  if (certificates.length > 0) {
    const invalidBlocks = plural(
      unreadableCount,
      "block that is not a valid PEM certificate",
      "blocks that are not valid PEM certificates"
    )
    const others = plural(certificates.length, "other certificate is used", "other certificates are used")
    return Result.succeed({
      ca: certificates.join(""),
      warning: unreadableCount === 0 ? undefined : `${field} has ${invalidBlocks}; the ${others}`
    })
  }
  return unreadableCount === 0
    ? invalid(`${field} has no PEM certificate`)
    : invalid(`${field} has no valid PEM certificate`)
}
