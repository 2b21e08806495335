/** The target of a request as it was sent: nothing is decoded or normalized. */
export interface RequestTarget {
  readonly path: string
  /** Without the question mark; empty if there is none. */
  readonly query: string
}

const authority = /^https?:\/\/[^/?#]*/i

/**
 * Parses the target of a request line (RFC 9112, section 3.2). The absolute form has a path too, for any host. The path
 * of the other forms matches no route.
 */
export const parse = (target: string): RequestTarget => {
  const own = target.startsWith("/") ? target : target.replace(authority, "")
  const question = own.indexOf("?")
  return question === -1
    ? { path: own, query: "" }
    : { path: own.slice(0, question), query: own.slice(question + 1) }
}
