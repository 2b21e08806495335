/**
 * An unusual or invalid response of a real server or proxy, the correct way to read it, and the behaviour of Go and
 * Node. Go was tested with net/http of Go 1.26, Node with node:http of 26.10 in its strict default mode.
 */
export interface OddResponse {
  readonly situation: string
  /** One character is one byte (Latin-1). */
  readonly bytes: string
  /** True if the server closes the connection after the response. Default: false. */
  readonly closesConnection?: boolean
  /** The result of reading the response correctly. */
  readonly expected: ExpectedResult
  /** True if the client may reuse the connection for its next request. Default: false. */
  readonly reusesConnection?: boolean
  /** Go's behaviour: `the same` as `expected`, or the difference. */
  readonly go: string
  /** Node's behaviour: `the same` as `expected`, or the difference. */
  readonly node: string
}

/** The result of reading an {@link OddResponse}. */
export type ExpectedResult =
  /** `field` is the value of the header field X-Field. */
  | { readonly _tag: "Response"; readonly status: number; readonly body: string; readonly field?: string }
  /** The head is valid, but the body fails after the bytes of `body`. */
  | { readonly _tag: "BrokenBody"; readonly status: number; readonly body: string }
  /** No response: the error message contains `words`. */
  | { readonly _tag: "Failure"; readonly words: string }

/** Expects a response with this body. `field` is the value of the header field X-Field. */
export const response = (status: number, body: string = "hello", field?: string): ExpectedResult => ({
  _tag: "Response",
  status,
  body,
  ...(field === undefined ? {} : { field })
})

/** Expects status 200 and a body that fails after these bytes. */
export const brokenBody = (body: string): ExpectedResult => ({ _tag: "BrokenBody", status: 200, body })

/** Expects no response, but an error whose message contains `words`. */
export const failure = (words: string = "not valid HTTP"): ExpectedResult => ({ _tag: "Failure", words })

/**
 * The bytes of a response, as in {@link OddResponse.bytes}: the status line and the field lines with CR LF, an empty
 * line and the body.
 */
export const responseBytes = (head: ReadonlyArray<string>, body: string = "hello"): string =>
  `${head.join("\r\n")}\r\n\r\n${body}`

export const statusLineOk = "HTTP/1.1 200 OK"
export const contentLength5 = "Content-Length: 5"
export const transferChunked = "Transfer-Encoding: chunked"
