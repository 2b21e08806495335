/** A body to send: `chunks` may be asked for anew. */
export interface AnswerBody {
  readonly size: number
  readonly chunks: () => Iterable<Uint8Array>
}

/** What the registry answers, before any fault. */
export interface RegistryAnswer {
  readonly status: number
  /** By lowercase name; Content-Length included. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: AnswerBody
}

const bodyOf = (bytes: Uint8Array): AnswerBody => ({ size: bytes.length, chunks: () => [bytes] })

/** An answer with this body and its Content-Length. */
export const make = (
  status: number,
  headers: Readonly<Record<string, string>>,
  body: AnswerBody = { size: 0, chunks: () => [] }
): RegistryAnswer => ({ status, headers: { ...headers, "content-length": String(body.size) }, body })

export const text = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {}
): RegistryAnswer =>
  make(status, { "content-type": "application/json", ...headers }, bodyOf(new TextEncoder().encode(body)))

export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): RegistryAnswer => text(status, JSON.stringify(body), headers)

// The codes a status usually comes with. Source: distribution-spec, "Error Codes".
const codes: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  405: "UNSUPPORTED",
  429: "TOOMANYREQUESTS"
}

/** An error as registries write it. Source: distribution-spec, "Error Codes". */
export const error = (
  status: number,
  code: string = codes[status] ?? "UNKNOWN",
  headers: Readonly<Record<string, string>> = {}
): RegistryAnswer =>
  json(
    status,
    { errors: [{ code, message: code.toLowerCase().replaceAll("_", " "), detail: null }] },
    headers
  )
