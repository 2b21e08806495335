/**
 * An unusual or invalid response of a real server or proxy, and the result of reading it correctly. `goBehaviour`
 * describes net/http of Go 1.26. `nodeBehaviour` describes node:http of Node 26.10 in its default strict mode.
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
  /** A description of how Go's behaviour differs from `expected`. The text `the same` means that it does not differ. */
  readonly goBehaviour: string
  /** A description of how Node differs from `expected`. The text `the same` means that it does not differ. */
  readonly nodeBehaviour: string
}

/** The result of reading an {@link OddResponse}. */
export type ExpectedResult =
  /** A valid response. `field` is the value of the header field X-Field. */
  | { readonly _tag: "Response"; readonly status: number; readonly body: string; readonly field?: string }
  /** The head is valid, but the body fails after the bytes of `body`. */
  | { readonly _tag: "BrokenBody"; readonly status: number; readonly body: string }
  /** An invalid response. Reading it fails with an error whose message contains `words`. */
  | { readonly _tag: "Failure"; readonly words: string }

/** Makes the expected result for a valid response. `field` is the value of the header field X-Field. */
export const response = (status: number, body: string = "hello", field?: string): ExpectedResult => ({
  _tag: "Response",
  status,
  body,
  ...(field === undefined ? {} : { field })
})

/** Makes the expected result for a response with status 200 whose body fails after the bytes of `body`. */
export const brokenBody = (body: string): ExpectedResult => ({ _tag: "BrokenBody", status: 200, body })

/**
 * Makes the result for an invalid response. Reading the response must fail with an error whose message contains
 * `words`.
 */
export const failure = (words: string = "not valid HTTP"): ExpectedResult => ({ _tag: "Failure", words })

/** Returns the bytes of a response. Adds CR LF to each line of `head`, and adds an empty line before `body`. */
export const responseBytes = (head: ReadonlyArray<string>, body: string = "hello"): string =>
  `${head.join("\r\n")}\r\n\r\n${body}`

export const statusLineOk = "HTTP/1.1 200 OK"
export const contentLength5 = "Content-Length: 5"
export const transferChunked = "Transfer-Encoding: chunked"
