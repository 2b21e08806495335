/** A secret to search for. Error messages show `name` instead of the secret. */
export interface Secret {
  readonly name: string
  readonly secret: string
}

/**
 * A secret that a text contains. `form` is the encoding of the secret in the text, such as `in base64`. `offset` is the
 * position of the secret in the text, in bytes.
 */
export interface FoundSecret {
  readonly name: string
  readonly form: string
  readonly offset: number
}

/** Minimum length in characters of an encoded secret to search for. Shorter texts occur in files by chance. */
export const minFormLength = 8

/**
 * Encodes `text` in base64 and base64url, for a search in longer texts with these encodings. The result depends on the
 * position of `text` in the longer text, modulo 3. Therefore there are three results for each encoding. Each result
 * omits the last group of four characters, because it may depend on the bytes after `text`. If the position modulo 3 is
 * not 0, the result also omits the first group, because it depends on the bytes before `text`.
 */
const base64 = (text: string): ReadonlyArray<readonly [string, string]> =>
  [0, 1, 2].flatMap((skip) => {
    const encoded = Buffer.from(" ".repeat(skip) + text, "latin1").toString("base64")
    const inner = encoded.slice(skip === 0 ? 0 : 4, -4)
    return [
      ["in base64", inner],
      ["in base64url", inner.replaceAll("+", "-").replaceAll("/", "_")]
    ] as const
  })

/**
 * Returns the encodings in which a secret may appear, each with a name (`form`). They are plain text, URL and JSON
 * escapes, hexadecimal, base64, and base64 of base64. Leaves out encodings shorter than `minFormLength`.
 */
export const secretForms = (secret: string): ReadonlyArray<readonly [form: string, text: string]> => {
  const once = base64(secret)
  const all = [
    ["by value", secret],
    ["escaped for a URL", encodeURIComponent(secret)],
    ["escaped for JSON", JSON.stringify(secret).slice(1, -1)],
    ["in hexadecimal", Buffer.from(secret, "latin1").toString("hex")],
    ...once,
    ...once.flatMap(([, text]) => base64(text).map(([form, twice]) => [`${form}, twice`, twice] as const))
  ] as const
  return all.filter(([, text], index) => {
    const isFirst = all.findIndex(([, other]) => other === text) === index
    return isFirst && text.length >= minFormLength
  })
}

const keyOf = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) * 0x9e3779b1 +
    (bytes[at + 1] ?? 0) * 0x85ebca6b +
    (bytes[at + 2] ?? 0) * 0xc2b2ae35 +
    (bytes[at + 3] ?? 0) * 0x27d4eb2f) &
  0xfffff

/**
 * Finds all secrets in a text, in all encodings that `secretForms` returns. Passes over the text only once. At each
 * position, a hash of the next four bytes selects the encodings that may begin there.
 */
export const find = (text: Uint8Array, secrets: ReadonlyArray<Secret>): ReadonlyArray<FoundSecret> => {
  const beginnings = new Map<
    number,
    Array<{ readonly name: string; readonly form: string; readonly bytes: Buffer }>
  >()
  const isBeginning = new Uint8Array(0x100000)
  for (const { name, secret } of secrets) {
    for (const [form, value] of secretForms(secret)) {
      const bytes = Buffer.from(value, "utf8")
      const key = keyOf(bytes, 0)
      isBeginning[key] = 1
      beginnings.set(key, [...(beginnings.get(key) ?? []), { name, form, bytes }])
    }
  }
  const found: Array<FoundSecret> = []
  const view = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  for (let offset = 0; offset + minFormLength <= view.length; offset++) {
    const key = keyOf(view, offset)
    if (isBeginning[key] === 0) continue
    for (const { bytes, form, name } of beginnings.get(key) ?? []) {
      const end = offset + bytes.length
      if (end <= view.length && bytes.compare(view, offset, end) === 0) found.push({ name, form, offset })
    }
  }
  return found
}
