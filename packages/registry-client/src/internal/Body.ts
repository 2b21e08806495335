import { Effect, Option, Stream } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import { TimedOut } from "../RegistryError.ts"
import { idleLimit } from "./IdleLimit.ts"
import * as Limits from "./Limits.ts"
import { invalid, passing, type PullFailure } from "./PullFailure.ts"
import { fromClientError } from "./Transport.ts"

/** The Content-Length, where there is one that can be read. */
export const contentLength = (response: HttpClientResponse.HttpClientResponse): Option.Option<number> =>
  Option.filter(
    Option.map(Headers.get(response.headers, "content-length"), (value) => /^\d{1,16}$/.test(value) ? +value : -1),
    (length) => length >= 0
  )

/** Refuses a body that is not the stored bytes, although nothing but those was asked for. */
export const refuseEncoded = (
  response: HttpClientResponse.HttpClientResponse,
  what: string
): Effect.Effect<void, PullFailure> => {
  const encoding = response.headers["content-encoding"]?.trim().toLowerCase() ?? ""
  return encoding === "" || encoding === "identity"
    ? Effect.void
    : Effect.fail(invalid(`${what} came with a Content-Encoding although it was asked for as it is`))
}

const hostOf = (response: HttpClientResponse.HttpClientResponse): string =>
  URL.canParse(response.request.url) ? new URL(response.request.url).host : "the registry"

/** A body as a pull of arrays of chunks, which fails where it gives nothing for too long. */
export const pull = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.flatMap(
    Stream.toPull(Stream.mapError(response.stream, (error) => fromClientError(error, hostOf(response)))),
    (pull) => idleLimit(pull, Limits.bodyIdleTimeout, () => passing(new TimedOut({ phase: "body" })))
  )

/** A small body, whole. `what` names it in messages. */
export const readAll = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number,
  what: string
): Effect.Effect<Uint8Array, PullFailure> =>
  Effect.scoped(Effect.gen(function*() {
    const tooLarge = invalid(`${what} is larger than ${limit} bytes`)
    yield* refuseEncoded(response, what)
    if (Option.exists(contentLength(response), (length) => length > limit)) return yield* tooLarge
    const chunks: Array<Uint8Array> = []
    let length = 0
    yield* Stream.fromPull(pull(response)).pipe(Stream.runForEachArray((arrays) => {
      for (const chunk of arrays) {
        chunks.push(chunk)
        length += chunk.length
      }
      return length > limit ? Effect.fail(tooLarge) : Effect.void
    }))
    return Buffer.concat(chunks, length)
  }))
