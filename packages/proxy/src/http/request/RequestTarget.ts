/** The target of a request as the client sent it. Nothing is decoded or normalized. */
export interface RequestTarget {
  readonly path: string
  /** The query without the question mark. Empty if there is no query. */
  readonly query: string
}

const authority = /^https?:\/\/[^/?#]*/i

/**
 * Parses the target of a request line (RFC 9112, section 3.2). For the absolute form, ignores scheme and host. For the
 * authority and asterisk forms, returns a path that matches no route.
 */
export const parse = (target: string): RequestTarget => {
  const own = target.startsWith("/") ? target : target.replace(authority, "")
  const question = own.indexOf("?")
  return question === -1
    ? { path: own, query: "" }
    : { path: own.slice(0, question), query: own.slice(question + 1) }
}
