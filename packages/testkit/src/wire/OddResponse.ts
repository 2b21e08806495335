/**
 * A response that servers or their proxies really send, the right way to read it, and who else reads it so. The
 * behaviour of Go was tried with net/http of Go 1.26, that of Node with node:http of 26.10 in its strict default.
 */
export interface OddResponse {
  readonly situation: string
  /** Latin-1: one character a byte. */
  readonly bytes: string
  /** The server closes the connection after it. */
  readonly isEnded?: boolean
  readonly right: Right
  /** The connection serves another request afterwards. */
  readonly isKept?: boolean
  /** `the same`, or what it does instead. */
  readonly go: string
  readonly node: string
}

export type Right =
  /** `field` is the value of X-Field. */
  | { readonly _tag: "Response"; readonly status: number; readonly body: string; readonly field?: string }
  /** The head is read; the body fails after these bytes. */
  | { readonly _tag: "BrokenBody"; readonly status: number; readonly body: string }
  | { readonly _tag: "Failure"; readonly words: string }

export const read = (status: number, body: string = "hello", field?: string): Right => ({
  _tag: "Response",
  status,
  body,
  ...(field === undefined ? {} : { field })
})

export const broken = (body: string): Right => ({ _tag: "BrokenBody", status: 200, body })

export const refused = (words: string = "not valid HTTP"): Right => ({ _tag: "Failure", words })

/** A head of these lines, and a body. */
export const lines = (head: ReadonlyArray<string>, body: string = "hello"): string =>
  `${head.join("\r\n")}\r\n\r\n${body}`

export const ok = "HTTP/1.1 200 OK"
export const length = "Content-Length: 5"
export const chunked = "Transfer-Encoding: chunked"
