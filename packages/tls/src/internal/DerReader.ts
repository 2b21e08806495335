/** A value of DER (X.690). */
export interface Value {
  readonly tag: number
  readonly content: Buffer
}

/** The values in a constructed one's content, in order; throws where it is no DER with tags of one byte. */
export const values = (content: Buffer): ReadonlyArray<Value> => {
  const found: Array<Value> = []
  let at = 0
  while (at < content.length) {
    const tag = content.readUInt8(at)
    const first = content.readUInt8(at + 1)
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    const length = lengthBytes === 0 ? first : content.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    at = start + length
    if (at > content.length) throw new RangeError("a DER value is longer than what holds it")
    found.push({ tag, content: content.subarray(start, at) })
  }
  return found
}
