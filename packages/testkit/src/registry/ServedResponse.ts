/** A response body. Each call of `chunks` returns the whole body. */
export interface ServedBody {
  readonly size: number
  readonly chunks: () => Iterable<Uint8Array>
}

/** The status, the header fields and the body of a response. */
export interface ServedResponse {
  readonly status: number
  /** Header fields by lowercase name, including Content-Length. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: ServedBody
}

const bodyOf = (bytes: Uint8Array): ServedBody => ({ size: bytes.length, chunks: () => [bytes] })

/** Makes a response with this body, and with the size of the body as its Content-Length. */
export const make = (
  status: number,
  headers: Readonly<Record<string, string>>,
  body: ServedBody = { size: 0, chunks: () => [] }
): ServedResponse => ({ status, headers: { ...headers, "content-length": String(body.size) }, body })

/** Makes a response with this text as its body. The Content-Type is application/json, even if the text is not JSON. */
export const jsonText = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {}
): ServedResponse =>
  make(status, { "content-type": "application/json", ...headers }, bodyOf(new TextEncoder().encode(body)))

export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): ServedResponse => jsonText(status, JSON.stringify(body), headers)

// The usual error code of a status. Source: distribution-spec, "Error Codes".
const codes: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  405: "UNSUPPORTED",
  429: "TOOMANYREQUESTS"
}

/** Makes an error response in the format of distribution-spec, "Error Codes". */
export const error = (
  status: number,
  code: string = codes[status] ?? "UNKNOWN",
  headers: Readonly<Record<string, string>> = {}
): ServedResponse =>
  json(
    status,
    { errors: [{ code, message: code.toLowerCase().replaceAll("_", " "), detail: null }] },
    headers
  )
