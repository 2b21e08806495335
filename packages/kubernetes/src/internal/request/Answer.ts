import { Effect, Option, Schema, Stream } from "effect"
import type { ApiResponse } from "../../ApiServer.ts"
import { Forbidden, Gone, invalid, KubernetesError, NotFound, unreachable } from "../../KubernetesError.ts"

/** Answers longer than this are not read, in bytes. */
const maxLength = 64 * 1024 * 1024

const tooLong = invalid(`the API server's answer is longer than ${maxLength / 1024 / 1024} MiB`)

/** Joins pieces that came one after another. */
export const join = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = pieces
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces)
}

/** Reads JSON; undefined where it is none. */
export const parse = (bytes: Uint8Array): unknown => {
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
  return join(pieces)
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

// A word of the API's own, such as TooManyRequests; whatever else stands there is not repeated.
const word = (reason: string | undefined): string =>
  reason !== undefined && /^[A-Za-z]{1,40}$/.test(reason) ? ` ${reason}` : ""

/**
 * What a status other than success means. The server's own message is not repeated: it may quote what was sent.
 * `what` says what was asked for, as `list secrets`.
 */
export const failure = (
  what: string,
  status: number,
  answer: unknown,
  retryAfter: number | undefined
): KubernetesError => {
  const known = Option.getOrUndefined(decodeStatus(answer))
  const detail = `the API server answered ${what} with ${status}${word(known?.reason)}`
  if (status === 401) {
    return new KubernetesError({
      reason: new Forbidden({ status, detail: `${detail}: it does not accept our credentials` })
    })
  }
  if (status === 403) {
    return new KubernetesError({
      reason: new Forbidden({ status, detail: `${detail}: RBAC does not let us ${what}` })
    })
  }
  if (status === 404) {
    const why = !what.startsWith("get ") ? ": it knows no such kind (yet: a CRD may come)" : ""
    return new KubernetesError({ reason: new NotFound({ detail: `${detail}${why}` }) })
  }
  if (status === 410) return new KubernetesError({ reason: new Gone({ detail }) })
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = known?.details?.retryAfterSeconds
    const wait = retryAfter ?? (seconds === undefined ? undefined : seconds * 1000)
    return unreachable(detail, Option.fromUndefinedOr(wait))
  }
  return invalid(detail)
}

/** The failure that an `ERROR` event's Status tells. */
export const failureOfEvent = (what: string, status: unknown): KubernetesError =>
  failure(what, Option.getOrUndefined(decodeStatus(status))?.code ?? 500, status, undefined)

/** The JSON of a successful answer; fails with what any other means. */
export const json = Effect.fnUntraced(function* (what: string, response: ApiResponse) {
  const { retryAfter, status } = response
  const answer = parse(yield* collect(response))
  if (status < 200 || status > 299) return yield* failure(what, status, answer, retryAfter)
  if (answer === undefined) return yield* invalid(`the API server answered ${what} with what is not JSON`)
  return answer
})
