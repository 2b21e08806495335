/** A byte range of a package. `start` is inclusive, `end` is exclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

const single = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i

/**
 * Parses a Range header for a package of `size` bytes (RFC 9110, section 14). Undefined means that the header is
 * ignored and the whole package is sent: for several ranges, other units and malformed headers.
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

/** True if If-None-Match has this entity tag, or is `*` (RFC 9110, section 13.1.2: weak comparison). */
export const ifNoneMatch = (header: string, etag: string): boolean =>
  header.trim() === "*" || header.split(",").some((tag) => entityTag.exec(tag.trim())?.[1] === etag)

/**
 * True if the Range header applies: If-Range is absent, or is this entity tag (RFC 9110, section 13.1.5: strong
 * comparison). A date in If-Range never matches.
 */
export const ifRange = (header: string | undefined, etag: string): boolean =>
  header === undefined || header.trim() === etag
