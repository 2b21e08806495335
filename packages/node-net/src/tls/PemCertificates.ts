import { X509Certificate } from "node:crypto"

/** The result of reading certificates from a PEM text. */
export interface PemCertificates {
  /** Each certificate as a PEM text in OpenSSL's format, in the order of the input. */
  readonly certificates: ReadonlyArray<string>
  /** The number of certificate blocks that cannot be read. */
  readonly unreadableCount: number
}

// OpenSSL reads blocks with these labels as certificates. The trust settings in a TRUSTED block are ignored.
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
 * Reads the certificates in a PEM text. Like Go's `AppendCertsFromPEM`, ignores comments and keys, and skips unreadable
 * blocks. Accepts any line breaks.
 */
export const parse = (text: string): PemCertificates => {
  const blocks = text.split(begin).slice(1).map(certificateOf)
  const certificates = blocks.filter((certificate) => certificate !== undefined)
  return { certificates, unreadableCount: blocks.length - certificates.length }
}
