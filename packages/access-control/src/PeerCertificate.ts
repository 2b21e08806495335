import type { X509Certificate } from "node:crypto"
import { Result } from "effect"
import type { CertificateRefusal } from "./AccessError.ts"
import type { Shown } from "./ClientCertificate.ts"
import * as AnyUsage from "@registry-packages-proxy/tls/AnyUsage"
import { certificatesOf } from "@registry-packages-proxy/tls/KeyPair"
import { authenticatedGroup, User } from "./User.ts"

/** The client certificate of a connection. */
export interface PeerCertificate {
  /** Its subject in one line, as it says itself. */
  readonly subject: string
  readonly shown: Shown
  /** OpenSSL's name for the fault it found, if any. */
  readonly verification: string | undefined
}

/** The authorities that client certificates are judged by. */
export type Authorities = AnyUsage.Authorities

/** Authorities from PEM, parsed when they are first needed. */
export const authorities = (pem: string): Authorities => {
  let parsed: ReadonlyArray<X509Certificate> | undefined
  return () => (parsed ??= certificatesOf(pem))
}

const list = (value: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : typeof value === "string" ? [value] : value

/** A verified certificate as Kubernetes reads one: the subject's CN is the user's name, its O the groups. */
const read = (certificate: X509Certificate): Shown => {
  // Undefined where there is nothing in it.
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

// OpenSSL's names of X509_V_ERR_* (openssl-verification-options, "Diagnostics"), as Node gives them.
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
 * Judges the certificate of a connection: `error` is what OpenSSL's verification for client authentication said,
 * undefined where it found nothing wrong. Nothing else that the client sent is looked at. Never throws, whatever a
 * stranger shows.
 */
export const examine = (
  certificate: X509Certificate,
  error: string | undefined,
  anchors: Authorities,
  now: number
): PeerCertificate => {
  try {
    // Undefined where there is nothing in it.
    const subject = certificate.subject as string | undefined
    const isGood =
      error === undefined || (error === "INVALID_PURPOSE" && AnyUsage.isProven(certificate, anchors, now))
    return {
      subject: (subject ?? "").replaceAll("\n", ", "),
      shown: isGood ? read(certificate) : Result.fail(refusals[error] ?? "unverifiable"),
      verification: error
    }
  } catch {
    // It cannot be read.
    return { subject: "", shown: Result.fail("unverifiable"), verification: error }
  }
}
