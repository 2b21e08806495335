/** What a request asks for, as it was sent: nothing is decoded, joined or made canonical. */
export interface RequestTarget {
  readonly path: string
  /** Without the question mark; empty where there is none. */
  readonly query: string
}

const authority = /^https?:\/\/[^/?#]*/i

/**
 * Reads a request line's target (RFC 9112, section 3.2). The absolute form names a path too, of whatever host; the
 * other forms name none that exists here.
 */
export const parse = (target: string): RequestTarget => {
  const own = target.startsWith("/") ? target : target.replace(authority, "")
  const question = own.indexOf("?")
  return question === -1
    ? { path: own, query: "" }
    : { path: own.slice(0, question), query: own.slice(question + 1) }
}
