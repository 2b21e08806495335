import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import { Cause, Clock, Context, Effect, Option, type Pull, type Scope, Stream } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import { TimedOut } from "../../RegistryError.ts"
import * as Limits from "./Limits.ts"
import { byOf, invalid, passing, type PullFailure } from "./PullFailure.ts"
import type { Answer } from "./Send.ts"
import { fromClientError } from "./Transport.ts"

export type Chunks = readonly [Uint8Array, ...Array<Uint8Array>]

/** Buffers that a body being opened may be read into. A client may ignore them. */
export class LentBuffers extends Context.Reference<ReadBuffers | undefined>(
  "@registry-packages-proxy/registry-client/LentBuffers",
  { defaultValue: () => undefined }
) {}

/** The Content-Length, where there is one that can be read. */
export const contentLength = (response: HttpClientResponse.HttpClientResponse): Option.Option<number> =>
  Option.filter(
    Option.map(Headers.get(response.headers, "content-length"), (value) =>
      /^\d{1,16}$/.test(value) ? +value : -1
    ),
    (length) => length >= 0
  )

/**
 * A body as a pull of arrays of chunks, which fails where it is waited for too long at a time; the waiting of a slow
 * consumer does not count.
 *
 * One timer serves the whole body and ends it by giving its connection up: a timeout on every pull, or a fiber for
 * each, costs a fifth of the CPU time of a large body.
 */
export const pull = Effect.fnUntraced(function* ({
  abandon,
  host,
  response,
  server
}: Answer): Effect.fn.Return<Pull.Pull<Chunks, PullFailure>, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const chunks = yield* Stream.toPull(response.stream)
  let since: number | undefined
  let silent = false

  const watch: Effect.Effect<void> = Effect.suspend(() => {
    const left =
      since === undefined
        ? Limits.bodyIdleTimeout
        : since + Limits.bodyIdleTimeout - clock.currentTimeMillisUnsafe()
    if (left > 0) return Effect.andThen(Effect.sleep(left), watch)
    silent = true
    return abandon
  })
  yield* Effect.forkScoped(watch)

  // @effect-diagnostics-next-line returnEffectInGen:off -- what is made here is a Pull, to be run by the stream
  return Effect.suspend(() => {
    since = clock.currentTimeMillisUnsafe()
    return Effect.matchCauseEffect(chunks, {
      onSuccess: (array) => {
        since = undefined
        return Effect.succeed(array)
      },
      onFailure: (cause) => {
        since = undefined
        return silent
          ? Effect.fail(passing(new TimedOut({ phase: "body", ...byOf(server) })))
          : Effect.failCause(
              Cause.map(cause, (error) =>
                Cause.isDone(error) ? error : fromClientError(error, host, server)
              )
            )
      }
    })
  })
})

const readEach = (
  answer: Answer,
  limit: number,
  what: string,
  take: (chunk: Uint8Array) => void
): Effect.Effect<number, PullFailure> =>
  Effect.gen(function* () {
    const tooLarge = invalid(`${what} is larger than ${limit} bytes`, answer.server)
    if (Option.exists(contentLength(answer.response), (length) => length > limit)) return yield* tooLarge
    let length = 0
    yield* Stream.fromPull(pull(answer)).pipe(
      Stream.runForEachArray((array) => {
        for (const chunk of array) {
          take(chunk)
          length += chunk.length
        }
        return length > limit ? tooLarge : Effect.void
      })
    )
    return length
  }).pipe(Effect.scoped)

/** A small body, whole, as it came. `what` names it in messages. */
export const readAll = (
  answer: Answer,
  limit: number,
  what: string
): Effect.Effect<Uint8Array, PullFailure> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    return Effect.map(
      readEach(answer, limit, what, (chunk) => void chunks.push(chunk)),
      (length) => Buffer.concat(chunks, length)
    )
  })

/** The number of a body's bytes, all of which are read. `what` names it in messages. */
export const count = (answer: Answer, limit: number, what: string): Effect.Effect<number, PullFailure> =>
  readEach(answer, limit, what, () => undefined)
