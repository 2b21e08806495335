/** A part of a representation: `start` to `end`, the latter exclusive, in bytes. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

const single = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i

/**
 * What a Range header asks of a representation of `size` bytes (RFC 9110, section 14): one part, one that cannot be
 * had, or nothing this server honours (several ranges, other units, malformed), which means the whole.
 */
export const parseRange = (header: string, size: number): ByteRange | "unsatisfiable" | undefined => {
  const [, first = "", last = ""] = single.exec(header) ?? []
  if (first === "" && last === "") return undefined
  if (first === "") {
    const suffix = Number(last)
    return suffix === 0 || size === 0 ? "unsatisfiable" : { start: Math.max(0, size - suffix), end: size }
  }
  const start = Number(first)
  const end = last === "" ? size : Number(last) + 1
  if (last !== "" && end <= start) return undefined
  return start >= size ? "unsatisfiable" : { start, end: Math.min(end, size) }
}

const entityTag = /^(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")$/

/** Whether If-None-Match names this entity tag, or any (RFC 9110, section 13.1.2: weak comparison). */
export const ifNoneMatch = (header: string, etag: string): boolean =>
  header.trim() === "*" || header.split(",").some((tag) => entityTag.exec(tag.trim())?.[1] === etag)

/** Whether If-Range lets a Range be honoured (section 13.1.5: strong comparison; we give no dates, so none matches). */
export const ifRange = (header: string | undefined, etag: string): boolean =>
  header === undefined || header.trim() === etag
