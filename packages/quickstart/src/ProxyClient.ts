import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Clock, Effect, Option, Schedule, Schema, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"

/** The result of a download. */
export interface MeasuredDownload {
  /** The Cache-Status header without the cache's name. */
  readonly cacheStatus: string
  readonly size: number
  /** Milliseconds from the request to the first byte of the body. */
  readonly firstByteMillis: number
  /** Milliseconds from the request to the last byte of the body. */
  readonly totalMillis: number
  /** True if the bytes match the expected digest and size. */
  readonly verified: boolean
}

/** A failed download. The message is the problem's detail, or describes the connection failure. */
export class DownloadError extends Schema.TaggedError<DownloadError>()("DownloadError", {
  message: Schema.String
}) {}

const Problem = Schema.fromJsonString(Schema.Struct({ detail: Schema.String }))
const decodeProblem = Schema.decodeUnknownOption(Problem)

const refuse = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.flatMap(response.text, (text) => {
    const detail = Option.match(decodeProblem(text), {
      onNone: () => text.slice(0, 200),
      onSome: ({ detail }) => detail
    })
    return Effect.fail(new DownloadError({ message: `HTTP ${response.status}: ${detail}` }))
  })

const cacheStatusOf = (response: HttpClientResponse.HttpClientResponse): string =>
  (response.headers["cache-status"] ?? "").replace(/^[^;]*;\s*/, "")

/** Waits until the proxy at `origin` is ready, at most 10 seconds. */
export const awaitReady = (origin: string) =>
  HttpClient.get(`${origin}/readyz`).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.retry({ times: 500, schedule: Schedule.spaced("20 millis") }),
    Effect.ignore
  )

class StillFilling extends Schema.TaggedError<StillFilling>()("StillFilling", {}) {}

/**
 * Waits until the package at `url` is cached, at most 1 second. A fill ends shortly after its last byte was served, and
 * a request before that is coalesced with it.
 */
export const awaitCached = (url: string) =>
  HttpClient.head(url).pipe(
    Effect.filterOrFail(
      (response) => !cacheStatusOf(response).startsWith("fwd=miss"),
      () => new StillFilling()
    ),
    Effect.retry({ times: 50, schedule: Schedule.spaced("20 millis") }),
    Effect.ignore
  )

/** Downloads `url` and verifies the content. Calls `onProgress` with the number of bytes received so far. */
export const download = Effect.fnUntraced(
  function* (
    url: string,
    expected: { readonly digest: Digest; readonly size: number },
    onProgress: (received: number) => Effect.Effect<void> = () => Effect.void
  ) {
    const millis = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)
    const started = yield* millis
    const response = yield* HttpClient.get(url)
    if (response.status !== 200) return yield* refuse(response)
    const verifier = new DigestVerifier(expected)
    let firstByteMillis: number | undefined
    yield* Stream.runForEach(
      response.stream,
      Effect.fnUntraced(function* (chunk) {
        firstByteMillis ??= (yield* millis) - started
        verifier.update(chunk)
        yield* onProgress(verifier.length)
      })
    )
    const totalMillis = (yield* millis) - started
    const result: MeasuredDownload = {
      cacheStatus: cacheStatusOf(response),
      size: verifier.length,
      firstByteMillis: firstByteMillis ?? totalMillis,
      totalMillis,
      verified: verifier.matches()
    }
    return result
  },
  Effect.scoped,
  Effect.catchTag("HttpClientError", (error) => Effect.fail(new DownloadError({ message: error.message })))
)
