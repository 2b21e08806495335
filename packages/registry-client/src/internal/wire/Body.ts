import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import { Cause, Clock, Context, Duration, Effect, Option, type Pull, type Scope, Stream } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import { TimedOut } from "../../RegistryError.ts"
import * as Limits from "./Limits.ts"
import { otherServerField, invalidResponse, retryable, type PullFailure } from "./PullFailure.ts"
import type { UpstreamResponse } from "./SendOnce.ts"
import { fromClientError } from "./ConnectionErrors.ts"

const bodyIdleMillis = Duration.toMillis(Limits.bodyIdleTimeout)

export type Chunks = readonly [Uint8Array, ...Array<Uint8Array>]

/**
 * The buffers into which response bodies are read. If undefined, the bodies are read into new memory. An `HttpClient`
 * may ignore the buffers.
 */
export class CurrentReadBuffers extends Context.Reference<ReadBuffers | undefined>(
  "@registry-packages-proxy/registry-client/CurrentReadBuffers",
  { defaultValue: () => undefined }
) {}

/** Returns the Content-Length. None if the field is absent or invalid. */
export const contentLength = (response: HttpClientResponse.HttpClientResponse): Option.Option<number> =>
  Option.filter(
    Option.map(Headers.get(response.headers, "content-length"), (value) =>
      /^\d{1,16}$/.test(value) ? +value : -1
    ),
    (length) => length >= 0
  )

/**
 * Opens a body for reading. Each pull returns the next chunks of the body. If a pull receives no byte for {@link
 * Limits.bodyIdleTimeout}, the connection is closed and the pull fails with `TimedOut`. The time between pulls does not
 * count.
 *
 * When a large body is read, a timer or a fiber for each pull would take a fifth of the CPU time. Therefore, one timer
 * watches the whole body.
 */
export const pullBody = Effect.fnUntraced(function* ({
  cancel,
  host,
  response,
  otherServer
}: UpstreamResponse): Effect.fn.Return<Pull.Pull<Chunks, PullFailure>, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const chunks = yield* Stream.toPull(response.stream)
  let waitingSince: number | undefined
  let isSilent = false

  const watch: Effect.Effect<void> = Effect.suspend(() => {
    const left =
      waitingSince === undefined
        ? bodyIdleMillis
        : waitingSince + bodyIdleMillis - clock.currentTimeMillisUnsafe()
    if (left > 0) return Effect.andThen(Effect.sleep(left), watch)
    isSilent = true
    return cancel
  })
  yield* Effect.forkScoped(watch)

  // @effect-diagnostics-next-line returnEffectInGen:off -- what is made here is a Pull, to be run by the stream
  return Effect.suspend(() => {
    waitingSince = clock.currentTimeMillisUnsafe()
    return Effect.matchCauseEffect(chunks, {
      onSuccess: (array) => {
        waitingSince = undefined
        return Effect.succeed(array)
      },
      onFailure: (cause) => {
        waitingSince = undefined
        return isSilent
          ? Effect.fail(retryable(new TimedOut({ phase: "body", ...otherServerField(otherServer) })))
          : Effect.failCause(
              Cause.map(cause, (error) =>
                Cause.isDone(error) ? error : fromClientError(error, host, otherServer)
              )
            )
      }
    })
  })
})

const readEach = (
  received: UpstreamResponse,
  limit: number,
  name: string,
  take: (chunk: Uint8Array) => void
): Effect.Effect<number, PullFailure> =>
  Effect.gen(function* () {
    const tooLarge = invalidResponse(`${name} is larger than ${limit} bytes`, received.otherServer)
    if (Option.exists(contentLength(received.response), (length) => length > limit)) return yield* tooLarge
    let length = 0
    yield* Stream.fromPull(pullBody(received)).pipe(
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

/**
 * Returns the bytes of a body. Fails with `InvalidResponse` if the body exceeds `limit` bytes. `name` is for messages.
 */
export const readAll = (
  received: UpstreamResponse,
  limit: number,
  name: string
): Effect.Effect<Uint8Array, PullFailure> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    return Effect.map(
      readEach(received, limit, name, (chunk) => void chunks.push(chunk)),
      (length) => Buffer.concat(chunks, length)
    )
  })

/**
 * Reads a body and returns the number of its bytes. Fails with `InvalidResponse` if the body exceeds `limit` bytes.
 * `name` is for messages.
 */
export const countBytes = (
  received: UpstreamResponse,
  limit: number,
  name: string
): Effect.Effect<number, PullFailure> => readEach(received, limit, name, () => undefined)
