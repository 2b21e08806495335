import { Redacted } from "effect"
import type { KeyPair } from "./KeyPair.ts"
import * as Der from "./internal/Der.ts"

// An import would evaluate all lazy exports of the modules and keep them in memory.
const { generateKeyPairSync, randomBytes, sign } = process.getBuiltinModule("node:crypto")
const { isIP, isIPv6 } = process.getBuiltinModule("node:net")

const yearMillis = 365.25 * 86_400_000
const hourMillis = 3_600_000

const ecdsaWithSha256 = Der.sequence(Der.oid("1.2.840.10045.4.3.2"))

/** Returns the 4 or 16 bytes of an IP address, without its zone. */
const addressBytes = (address: string): Buffer => {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number))
  const [front = "", back] = address.replace(/%.*$/, "").split("::")
  const words = (text: string): Array<number> =>
    text === ""
      ? []
      : text.split(":").flatMap((part) => {
          if (!part.includes(".")) return [Number.parseInt(part, 16)]
          const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number)
          return [a * 256 + b, c * 256 + d]
        })
  const [start, end] = [words(front), words(back ?? "")]
  const middle = Array.from({ length: 8 - start.length - end.length }, () => 0)
  return Buffer.from([...start, ...middle, ...end].flatMap((word) => [word >> 8, word & 0xff]))
}

const extension = (id: string, isCritical: boolean, value: Uint8Array): Buffer =>
  Der.sequence(Der.oid(id), ...(isCritical ? [Der.booleanTrue] : []), Der.octetString(value))

const alternativeName = (name: string): Buffer =>
  isIP(name) === 0 ? Der.implicit(2, Buffer.from(name, "latin1")) : Der.implicit(7, addressBytes(name))

const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  ).join("\n")}\n-----END ${label}-----\n`

/**
 * Makes a P-256 key and a self-signed certificate (RFC 5280) for a TLS server with these host names and IP addresses.
 * The certificate is valid from one hour before `now` to ten years after `now`. `now` is in milliseconds since the
 * epoch.
 */
export const make = (names: ReadonlyArray<string>, now: number): KeyPair => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const name = Der.sequence(
    Der.set(Der.sequence(Der.oid("2.5.4.3"), Der.utf8String("registry-packages-proxy, self-signed")))
  )
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const body = Der.sequence(
    Der.explicit(0, Der.integer(Buffer.of(2))),
    Der.integer(serial),
    ecdsaWithSha256,
    name,
    Der.sequence(Der.time(new Date(now - hourMillis)), Der.time(new Date(now + 10 * yearMillis))),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    Der.explicit(
      3,
      Der.sequence(
        // basicConstraints: not an authority, so it cannot sign other certificates.
        extension("2.5.29.19", true, Der.sequence()),
        // keyUsage: digitalSignature
        extension("2.5.29.15", true, Buffer.of(0x03, 0x02, 0x07, 0x80)),
        // extKeyUsage: serverAuth
        extension("2.5.29.37", false, Der.sequence(Der.oid("1.3.6.1.5.5.7.3.1"))),
        extension("2.5.29.17", false, Der.sequence(...[...new Set(names)].map(alternativeName)))
      )
    )
  )
  const certificate = Der.sequence(body, ecdsaWithSha256, Der.bitString(sign("sha256", body, privateKey)))
  return {
    certificates: pem("CERTIFICATE", certificate),
    privateKey: Redacted.make(privateKey.export({ type: "pkcs8", format: "pem" }).toString())
  }
}
