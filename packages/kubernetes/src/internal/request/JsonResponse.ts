import { Duration, Effect, Option, Schema, Stream } from "effect"
import type { ApiResponse } from "../../ApiRequest.ts"
import { Forbidden, Gone, invalid, KubernetesError, NotFound, unreachable } from "../../KubernetesError.ts"

/** The maximum size of a response body, in bytes. */
const maxLength = 64 * 1024 * 1024

const tooLong = invalid(`the API server's response is longer than ${maxLength / 1024 / 1024} MiB`)

/** Concatenates byte arrays. If there is only one array, returns that array itself, not a copy. */
export const concatBytes = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = pieces
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces)
}

/** Parses JSON. Returns undefined if the bytes are not JSON. */
export const parseJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

const collect = Effect.fnUntraced(function* ({ body }: ApiResponse) {
  const pieces: Array<Uint8Array> = []
  let length = 0
  yield* Stream.runForEach(body, (piece) => {
    length += piece.length
    if (length > maxLength) return Effect.fail(tooLong)
    pieces.push(piece)
    return Effect.void
  })
  return concatBytes(pieces)
})

const Status = Schema.Struct({
  kind: Schema.Literal("Status"),
  code: Schema.optionalKey(Schema.Int),
  reason: Schema.optionalKey(Schema.String),
  details: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ retryAfterSeconds: Schema.optionalKey(Schema.Number) }))
  )
})

const decodeStatus = Schema.decodeUnknownOption(Status)

// Error messages repeat a `reason` only if it is an identifier, such as TooManyRequests.
const word = (reason: string | undefined): string =>
  reason !== undefined && /^[A-Za-z]{1,40}$/.test(reason) ? ` ${reason}` : ""

/**
 * Makes the error for an HTTP status other than success. The error does not contain the server's message, which may
 * quote the request. `operation` names the request, such as `list secrets`.
 */
export const errorOfStatus = (
  operation: string,
  status: number,
  body: unknown,
  retryAfter: Duration.Duration | undefined
): KubernetesError => {
  const details = Option.getOrUndefined(decodeStatus(body))
  const detail = `the API server answered ${operation} with ${status}${word(details?.reason)}`
  if (status === 401) {
    return new KubernetesError({
      reason: new Forbidden({ status, detail: `${detail}: it rejects our credentials` })
    })
  }
  if (status === 403) {
    return new KubernetesError({
      reason: new Forbidden({ status, detail: `${detail}: RBAC does not allow us to ${operation}` })
    })
  }
  if (status === 404) {
    const why = !operation.startsWith("get ") ? ": it does not have this kind (is its CRD installed?)" : ""
    return new KubernetesError({ reason: new NotFound({ detail: `${detail}${why}` }) })
  }
  if (status === 410) return new KubernetesError({ reason: new Gone({ detail }) })
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = details?.details?.retryAfterSeconds
    const wait = retryAfter ?? (seconds === undefined ? undefined : Duration.seconds(seconds))
    return unreachable(detail, Option.fromUndefinedOr(wait))
  }
  return invalid(detail)
}

/** Makes the error for the Status object of an `ERROR` event. A Status without a code is treated as 500. */
export const errorOfEvent = (operation: string, status: unknown): KubernetesError =>
  errorOfStatus(operation, Option.getOrUndefined(decodeStatus(status))?.code ?? 500, status, undefined)

/** Reads the JSON body of a successful response. Fails with the error of `errorOfStatus` for any other status. */
export const read = Effect.fnUntraced(function* (operation: string, response: ApiResponse) {
  const { retryAfter, status } = response
  const body = parseJson(yield* collect(response))
  if (status < 200 || status > 299) return yield* errorOfStatus(operation, status, body, retryAfter)
  if (body === undefined) return yield* invalid(`the API server's response to ${operation} is not JSON`)
  return body
})
