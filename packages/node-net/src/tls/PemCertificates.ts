import { X509Certificate } from "node:crypto"

/** The certificates in a PEM text. */
export interface PemCertificates {
  /** In PEM as OpenSSL writes it, in their order. */
  readonly certificates: ReadonlyArray<string>
  /** The number of certificate blocks that cannot be read. */
  readonly unreadable: number
}

// The labels that OpenSSL reads as certificates; what TRUSTED appends to the certificate is ignored.
const begin = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/
const end = /-----END [A-Z0-9 ]*-----/

const certificateOf = (block: string): string | undefined => {
  const stop = block.search(end)
  const body = stop === -1 ? "" : block.slice(0, stop).replace(/\s+/g, "")
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) return undefined
  try {
    return new X509Certificate(Buffer.from(body, "base64")).toString()
  } catch {
    return undefined
  }
}

/**
 * Reads the certificates in a text as Go's `AppendCertsFromPEM` does. Ignores everything else: comments, keys, line
 * breaks of any kind, unreadable blocks.
 */
export const read = (text: string): PemCertificates => {
  const blocks = text.split(begin).slice(1).map(certificateOf)
  const certificates = blocks.filter((certificate) => certificate !== undefined)
  return { certificates, unreadable: blocks.length - certificates.length }
}
