import type { X509Certificate } from "node:crypto"
import { Result } from "effect"
import type { CertificateRefusal } from "./AccessError.ts"
import type { CertificateResult } from "./ClientCertificate.ts"
import * as AnyExtendedKeyUsage from "@registry-packages-proxy/tls/AnyExtendedKeyUsage"
import { parseCertificates } from "@registry-packages-proxy/tls/KeyPair"
import { authenticatedGroup, User } from "./User.ts"

/** The client certificate of a connection, and the result of its check. */
export interface PeerCertificate {
  /**
   * The unverified subject of the certificate on one line, for logs. Empty if the certificate has no subject or cannot
   * be read.
   */
  readonly subject: string
  readonly result: CertificateResult
  /** The name of OpenSSL's verification error, such as `CERT_HAS_EXPIRED`. Undefined if the verification succeeded. */
  readonly verificationError: string | undefined
}

/** Returns the authorities whose client certificates are accepted. */
export type GetAuthorities = AnyExtendedKeyUsage.GetAuthorities

/**
 * Makes a function that returns the certificates in the PEM text `pem`. The first call of that function parses the
 * text. The result is empty if one of the certificates cannot be parsed.
 */
export const authoritiesOf = (pem: string): GetAuthorities => {
  let parsed: ReadonlyArray<X509Certificate> | undefined
  return () => (parsed ??= parseCertificates(pem))
}

const list = (value: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : typeof value === "string" ? [value] : value

/**
 * Reads the user from a verified certificate as Kubernetes does. The CN is the user's name, and each O is a group of
 * the user. Fails if there is no CN or more than one.
 */
const read = (certificate: X509Certificate): CertificateResult => {
  // Undefined if the subject is empty.
  const subject = certificate.toLegacyObject().subject as
    | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
    | undefined
  const [name = "", ...others] = list(subject?.["CN"])
  if (name === "") return Result.fail("no-common-name")
  if (others.length > 0) return Result.fail("several-common-names")
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase()
  return Result.succeed({
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    user: new User({
      name,
      uid: "",
      groups: [...list(subject?.["O"]), authenticatedGroup],
      extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] }
    })
  })
}

// OpenSSL's X509_V_ERR_* codes (openssl-verification-options, "Diagnostics"), as Node names them.
const refusals: Readonly<Record<string, CertificateRefusal>> = {
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-authority",
  CERT_UNTRUSTED: "unknown-authority",
  CERT_SIGNATURE_FAILURE: "unknown-authority",
  INVALID_PURPOSE: "wrong-usage"
}

/**
 * Checks the client certificate of a connection. `verificationError` is the name of the error with which OpenSSL
 * refused the certificate, or undefined if OpenSSL accepted it. The function accepts some certificates that OpenSSL
 * refuses (see `AnyExtendedKeyUsage.isOnlyFault`). `now` is the current time in milliseconds since the epoch. Never
 * throws.
 */
export const check = (
  certificate: X509Certificate,
  verificationError: string | undefined,
  anchors: GetAuthorities,
  now: number
): PeerCertificate => {
  try {
    // Undefined if the subject is empty.
    const subject = certificate.subject as string | undefined
    const isGood =
      verificationError === undefined ||
      (verificationError === "INVALID_PURPOSE" && AnyExtendedKeyUsage.isOnlyFault(certificate, anchors, now))
    return {
      subject: (subject ?? "").replaceAll("\n", ", "),
      result: isGood ? read(certificate) : Result.fail(refusals[verificationError] ?? "unverifiable"),
      verificationError
    }
  } catch {
    // The certificate cannot be read.
    return { subject: "", result: Result.fail("unverifiable"), verificationError }
  }
}
