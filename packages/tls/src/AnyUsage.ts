import type { X509Certificate } from "node:crypto"
import * as CertificateExtensions from "./internal/CertificateExtensions.ts"

/** Trust anchors. */
export type Authorities = () => ReadonlyArray<X509Certificate>

const clientAuth = "1.3.6.1.5.5.7.3.2"
const anyExtendedKeyUsage = "2.5.29.37.0"

const { oid } = CertificateExtensions
const understood = new Set<string>([oid.keyUsage, oid.subjectAltName, oid.basicConstraints, oid.extKeyUsage])

/** True where all critical extensions are looked at, here or by OpenSSL after its complaint. */
const isUnderstood = (extensions: CertificateExtensions.Extensions): boolean =>
  extensions.entries().every(([id, { isCritical }]) => !isCritical || understood.has(id))

// The bits of KeyUsage (RFC 5280, section 4.2.1.3), of which OpenSSL wants one in a TLS client's certificate.
const [digitalSignature, keyAgreement] = [0x80, 0x08]

const maySign = (extensions: CertificateExtensions.Extensions): boolean => {
  const keyUsage = extensions.get(oid.keyUsage)
  // A BIT STRING: tag, length, count of unused bits, bits.
  return keyUsage === undefined || ((keyUsage.value[3] ?? 0) & (digitalSignature | keyAgreement)) !== 0
}

const isSignedBy = (certificate: X509Certificate, authority: X509Certificate, now: number): boolean => {
  const usages = authority.keyUsage as ReadonlyArray<string> | undefined
  const extensions = CertificateExtensions.read(authority)
  return (
    authority.ca &&
    (usages === undefined || usages.includes(clientAuth) || usages.includes(anyExtendedKeyUsage)) &&
    isUnderstood(extensions) &&
    !extensions.has(oid.nameConstraints) &&
    authority.validFromDate.getTime() <= now &&
    now <= authority.validToDate.getTime() &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey)
  )
}

/**
 * True where the only thing wrong with a certificate is that its usage is `anyExtendedKeyUsage`, which RFC 5280 (section
 * 4.2.1.12) and Kubernetes take for client authentication and OpenSSL's purpose check does not. To be asked where OpenSSL
 * said INVALID_PURPOSE and, as its last word, nothing later: then what it checks after the purpose (signatures, times, key
 * sizes, name constraints) is right. What it checks before, and what that word may hide, is proven here, more strictly
 * than RFC 5280 asks: one of the anchors signed it, without others in between.
 */
export const isProven = (certificate: X509Certificate, anchors: Authorities, now: number): boolean => {
  const usages = certificate.keyUsage as ReadonlyArray<string> | undefined
  if (usages?.includes(anyExtendedKeyUsage) !== true) return false
  try {
    const extensions = CertificateExtensions.read(certificate)
    return (
      isUnderstood(extensions) &&
      maySign(extensions) &&
      !extensions.has(oid.netscapeCertType) &&
      anchors().some((anchor) => isSignedBy(certificate, anchor, now))
    )
  } catch {
    // Not as RFC 5280 writes it.
    return false
  }
}
