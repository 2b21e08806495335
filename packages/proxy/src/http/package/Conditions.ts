/** A byte range of a package. `start` is inclusive, `end` is exclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

const single = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i

/**
 * Parses a Range header for a package of `size` bytes (RFC 9110, section 14). Returns undefined for several ranges, for
 * a unit other than bytes, and for a malformed header. The whole package is then sent.
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

/** True if If-None-Match contains this entity tag or is `*`. Uses the weak comparison (RFC 9110, section 13.1.2). */
export const ifNoneMatch = (header: string, etag: string): boolean =>
  header.trim() === "*" || header.split(",").some((tag) => entityTag.exec(tag.trim())?.[1] === etag)

/**
 * True if If-Range is absent or is this entity tag, so that the Range header applies. Uses the strong comparison (RFC
 * 9110, section 13.1.5). A date in If-Range never matches.
 */
export const ifRange = (header: string | undefined, etag: string): boolean =>
  header === undefined || header.trim() === etag
