import { X509Certificate } from "node:crypto"

/** The certificates of a PEM text. */
export interface PemCertificates {
  /** As OpenSSL writes them, in their order. */
  readonly certificates: ReadonlyArray<string>
  /** Blocks that call themselves a certificate and cannot be read as one. */
  readonly broken: number
}

// The labels that OpenSSL reads as certificates; what TRUSTED adds behind the certificate is left out.
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
 * Reads the certificates of a text as Go's `AppendCertsFromPEM` does: whatever else stands there (comments, line breaks of
 * any kind, a key put there by mistake, a block that is broken) does not spoil them.
 */
export const read = (text: string): PemCertificates => {
  const blocks = text.split(begin).slice(1).map(certificateOf)
  const certificates = blocks.filter((certificate) => certificate !== undefined)
  return { certificates, broken: blocks.length - certificates.length }
}
