import type { X509Certificate } from "node:crypto"
import * as DerReader from "./DerReader.ts"

/** An extension of a certificate (RFC 5280, section 4.2). */
export interface Extension {
  readonly isCritical: boolean
  /** The DER bytes inside the extension's OCTET STRING. */
  readonly value: Buffer
}

/** The extensions of a certificate. The key is the DER content of the extension's OID, in hex. */
export type Extensions = ReadonlyMap<string, Extension>

/** The extensions that `AnyExtendedKeyUsage` checks. Each value is a key of `Extensions`. */
export const oids = {
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  extKeyUsage: "551d25",
  netscapeCertType: "6086480186f8420101"
} as const

const [boolean, octetString, versionThree] = [0x01, 0x04, 0xa3]

const only = (content: Buffer): Buffer => {
  const [value, ...others] = DerReader.readValues(content)
  if (value === undefined || others.length > 0) throw new RangeError("not one DER value")
  return value.content
}

/** Reads the extensions of a certificate. Throws if its DER is malformed or an extension occurs twice. */
export const read = (certificate: X509Certificate): Extensions => {
  const extensions = new Map<string, Extension>()
  const [body] = DerReader.readValues(only(certificate.raw))
  const field = DerReader.readValues(body?.content ?? Buffer.of()).find(({ tag }) => tag === versionThree)
  if (field === undefined) return extensions
  for (const { content } of DerReader.readValues(only(field.content))) {
    const [id, ...rest] = DerReader.readValues(content)
    const value = rest.at(-1)
    if (id === undefined || value?.tag !== octetString) throw new RangeError("not an extension")
    const key = id.content.toString("hex")
    if (extensions.has(key)) throw new RangeError("an extension occurs twice")
    extensions.set(key, { isCritical: rest[0]?.tag === boolean, value: value.content })
  }
  return extensions
}
