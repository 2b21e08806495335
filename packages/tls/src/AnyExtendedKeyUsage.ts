import type { X509Certificate } from "node:crypto"
import * as CertificateExtensions from "./internal/CertificateExtensions.ts"

/** Returns the trust anchors, which are the certificates of the trusted authorities. */
export type GetAuthorities = () => ReadonlyArray<X509Certificate>

const clientAuth = "1.3.6.1.5.5.7.3.2"
const anyExtendedKeyUsage = "2.5.29.37.0"

const { oids } = CertificateExtensions
const understood = new Set<string>([
  oids.keyUsage,
  oids.subjectAltName,
  oids.basicConstraints,
  oids.extKeyUsage
])

/** True if every critical extension is checked, either in this file or by OpenSSL after its purpose check. */
const isUnderstood = (extensions: CertificateExtensions.Extensions): boolean =>
  extensions.entries().every(([id, { isCritical }]) => !isCritical || understood.has(id))

// Bits of KeyUsage (RFC 5280, section 4.2.1.3). OpenSSL requires one of them in a TLS client's certificate.
const [digitalSignature, keyAgreement] = [0x80, 0x08]

const maySign = (extensions: CertificateExtensions.Extensions): boolean => {
  const keyUsage = extensions.get(oids.keyUsage)
  // `value` is a BIT STRING: its tag, its length, the number of unused bits, then the bits.
  return keyUsage === undefined || ((keyUsage.value[3] ?? 0) & (digitalSignature | keyAgreement)) !== 0
}

const isSignedBy = (certificate: X509Certificate, authority: X509Certificate, now: number): boolean => {
  const usages = authority.keyUsage as ReadonlyArray<string> | undefined
  const extensions = CertificateExtensions.read(authority)
  return (
    authority.ca &&
    (usages === undefined || usages.includes(clientAuth) || usages.includes(anyExtendedKeyUsage)) &&
    isUnderstood(extensions) &&
    !extensions.has(oids.nameConstraints) &&
    authority.validFromDate.getTime() <= now &&
    now <= authority.validToDate.getTime() &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey)
  )
}

/**
 * True if the only fault of a client certificate is its usage `anyExtendedKeyUsage`. RFC 5280 (section 4.2.1.12) and
 * Kubernetes accept this usage for client authentication, but OpenSSL's purpose check does not. `now` is in
 * milliseconds since the epoch.
 *
 * Call this function only if OpenSSL's final error is INVALID_PURPOSE. The checks that OpenSSL makes after the purpose
 * check have then passed (signatures, times, key sizes, name constraints). Errors of earlier checks may be hidden,
 * because INVALID_PURPOSE replaces them. This function therefore repeats the earlier checks. It also checks the key
 * usage and the Netscape certificate type, which the failed purpose check skipped. It is stricter than RFC 5280, since
 * an anchor must have signed the certificate directly.
 */
export const isOnlyFault = (certificate: X509Certificate, anchors: GetAuthorities, now: number): boolean => {
  const usages = certificate.keyUsage as ReadonlyArray<string> | undefined
  if (usages?.includes(anyExtendedKeyUsage) !== true) return false
  try {
    const extensions = CertificateExtensions.read(certificate)
    return (
      isUnderstood(extensions) &&
      maySign(extensions) &&
      !extensions.has(oids.netscapeCertType) &&
      anchors().some((anchor) => isSignedBy(certificate, anchor, now))
    )
  } catch {
    // The certificate does not conform to RFC 5280.
    return false
  }
}
