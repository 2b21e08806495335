import type { X509Certificate } from "node:crypto"
import { Option } from "effect"
import type { ClientCertificate } from "./Authenticator.ts"
import { certificatesOf } from "./KeyPair.ts"
import { authenticatedGroup, User } from "./User.ts"

const list = (value: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : typeof value === "string" ? [value] : value

/**
 * Who a verified certificate is, as Kubernetes reads one: the subject's CN is the name, its O the groups. None where it
 * names nobody, or more than one.
 */
export const read = (certificate: X509Certificate): Option.Option<ClientCertificate> => {
  const subject = certificate.toLegacyObject().subject as Readonly<
    Record<string, string | ReadonlyArray<string> | undefined>
  >
  const [name = "", ...others] = list(subject["CN"])
  if (name === "" || others.length > 0) return Option.none()
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase()
  return Option.some({
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    user: new User({
      name,
      uid: "",
      groups: [...list(subject["O"]), authenticatedGroup],
      extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] }
    })
  })
}

/**
 * Whether a certificate that was verified when its connection began would be by these authorities too: it, or one that
 * stands between it and its root, is signed by one of them.
 */
export const isIssuedBy = (certificate: X509Certificate, authorities: string): boolean => {
  const trusted = certificatesOf(authorities).filter(({ ca }) => ca)
  const seen = new Set<string>()
  let next: X509Certificate | undefined = certificate
  while (next !== undefined && !seen.has(next.fingerprint256)) {
    const one: X509Certificate = next
    seen.add(one.fingerprint256)
    if (trusted.some((authority) => one.checkIssued(authority) && one.verify(authority.publicKey))) {
      return true
    }
    next = one.issuerCertificate
  }
  return false
}
