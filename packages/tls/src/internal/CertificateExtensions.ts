import type { X509Certificate } from "node:crypto"
import * as DerReader from "./DerReader.ts"

/** An extension of a certificate (RFC 5280, section 4.2). */
export interface Extension {
  readonly isCritical: boolean
  /** The DER that its OCTET STRING holds. */
  readonly value: Buffer
}

/** Extensions by OID, the OID as the hexadecimal of its DER content. */
export type Extensions = ReadonlyMap<string, Extension>

/** OIDs as keys of `Extensions`: id-ce 14, 15, 17, 19, 30 and 37, and Netscape's certificate type. */
export const oid = {
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  extKeyUsage: "551d25",
  netscapeCertType: "6086480186f8420101"
} as const

const [boolean, octetString, versionThree] = [0x01, 0x04, 0xa3]

const only = (content: Buffer): Buffer => {
  const [value, ...others] = DerReader.values(content)
  if (value === undefined || others.length > 0) throw new RangeError("not one DER value")
  return value.content
}

/** The extensions of a certificate; throws where its DER cannot be read, or one is there twice. */
export const read = (certificate: X509Certificate): Extensions => {
  const extensions = new Map<string, Extension>()
  const [body] = DerReader.values(only(certificate.raw))
  const field = DerReader.values(body?.content ?? Buffer.of()).find(({ tag }) => tag === versionThree)
  if (field === undefined) return extensions
  for (const { content } of DerReader.values(only(field.content))) {
    const [id, ...rest] = DerReader.values(content)
    const value = rest.at(-1)
    if (id === undefined || value?.tag !== octetString) throw new RangeError("not an extension")
    const key = id.content.toString("hex")
    if (extensions.has(key)) throw new RangeError("an extension is there twice")
    extensions.set(key, { isCritical: rest[0]?.tag === boolean, value: value.content })
  }
  return extensions
}
