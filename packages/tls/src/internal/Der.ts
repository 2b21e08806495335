/** An encoder for the DER (X.690) types of a certificate. Each function returns an encoded value. */

const tagged = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

export const sequence = (...items: ReadonlyArray<Uint8Array>): Buffer => tagged(0x30, ...items)
export const set = (...items: ReadonlyArray<Uint8Array>): Buffer => tagged(0x31, ...items)
export const octetString = (content: Uint8Array): Buffer => tagged(0x04, content)
export const bitString = (content: Uint8Array): Buffer => tagged(0x03, Buffer.of(0), content)
export const utf8String = (value: string): Buffer => tagged(0x0c, Buffer.from(value))
export const booleanTrue = Buffer.of(0x01, 0x01, 0xff)

/** Encodes a positive integer, given as bytes with the most significant byte first. */
export const integer = (bytes: Uint8Array): Buffer =>
  tagged(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.of(), bytes)

/** Encodes a context-specific constructed value, `[number] EXPLICIT`. */
export const explicit = (number: number, content: Uint8Array): Buffer => tagged(0xa0 + number, content)
/** Encodes a context-specific primitive value, `[number] IMPLICIT`. */
export const implicit = (number: number, content: Uint8Array): Buffer => tagged(0x80 + number, content)

/** Encodes an object identifier from its dotted form, such as `2.5.4.3`. */
export const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return tagged(0x06, Buffer.from(bytes))
}

/** Encodes a time as GeneralizedTime, which RFC 5280 requires for times from 2050 on. */
const generalized = (date: Date): Buffer => tagged(0x18, Buffer.from(`${digits(date)}Z`))
const utc = (date: Date): Buffer => tagged(0x17, Buffer.from(`${digits(date).slice(2)}Z`))
const digits = (date: Date): string => date.toISOString().replaceAll(/\D/g, "").slice(0, 14)

/** Encodes a time as UTCTime or GeneralizedTime (RFC 5280, section 4.1.2.5), without fractions of a second. */
export const time = (date: Date): Buffer => (date.getUTCFullYear() < 2050 ? utc(date) : generalized(date))
