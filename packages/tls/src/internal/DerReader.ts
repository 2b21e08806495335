/** A DER (X.690) value. */
export interface DerValue {
  readonly tag: number
  readonly content: Buffer
}

/**
 * Returns the values in the content of a constructed value. Supports only tags of one byte. Throws if a value is longer
 * than `content`.
 */
export const readValues = (content: Buffer): ReadonlyArray<DerValue> => {
  const found: Array<DerValue> = []
  let at = 0
  while (at < content.length) {
    const tag = content.readUInt8(at)
    const first = content.readUInt8(at + 1)
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    const length = lengthBytes === 0 ? first : content.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    at = start + length
    if (at > content.length) throw new RangeError("a DER value is longer than its container")
    found.push({ tag, content: content.subarray(start, at) })
  }
  return found
}
