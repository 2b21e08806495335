/**
 * A response that real servers or proxies send, the correct way to read it, and the behaviour of Go and Node. Go was
 * tested with net/http of Go 1.26, Node with node:http of 26.10 in its strict default mode.
 */
export interface OddResponse {
  readonly situation: string
  /** One character is one byte (Latin-1). */
  readonly bytes: string
  /** True if the server closes the connection after the response. */
  readonly isEnded?: boolean
  /** The result of reading the response correctly. */
  readonly right: ExpectedResult
  /** True if the client reuses the connection for its next request. */
  readonly isKept?: boolean
  /** Go's behaviour: `the same` as `right`, or the difference. */
  readonly go: string
  /** Node's behaviour: `the same` as `right`, or the difference. */
  readonly node: string
}

/** The result of reading a response. */
export type ExpectedResult =
  /** `field` is the value of the header field X-Field. */
  | { readonly _tag: "Response"; readonly status: number; readonly body: string; readonly field?: string }
  /** The head is valid, but the body fails after the bytes of `body`. */
  | { readonly _tag: "BrokenBody"; readonly status: number; readonly body: string }
  /** No response: the error message contains `words`. */
  | { readonly _tag: "Failure"; readonly words: string }

export const read = (status: number, body: string = "hello", field?: string): ExpectedResult => ({
  _tag: "Response",
  status,
  body,
  ...(field === undefined ? {} : { field })
})

export const broken = (body: string): ExpectedResult => ({ _tag: "BrokenBody", status: 200, body })

export const refused = (words: string = "not valid HTTP"): ExpectedResult => ({ _tag: "Failure", words })

/** Joins the lines of a head with CR LF, and appends an empty line and a body. */
export const lines = (head: ReadonlyArray<string>, body: string = "hello"): string =>
  `${head.join("\r\n")}\r\n\r\n${body}`

export const ok = "HTTP/1.1 200 OK"
export const length = "Content-Length: 5"
export const chunked = "Transfer-Encoding: chunked"
