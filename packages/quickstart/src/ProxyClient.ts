import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Clock, Effect, Option, Schedule, Schema, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"

/** The result and the timing of a completed download. */
export interface MeasuredDownload {
  /**
   * The value of the header Cache-Status (RFC 9211) without the cache's name. Example: `fwd=miss; stored`. Empty if the
   * response has no such header.
   */
  readonly cacheStatus: string
  readonly size: number
  /** Milliseconds from the request to the first byte of the body. */
  readonly firstByteMillis: number
  /** Milliseconds from the request to the last byte of the body. */
  readonly totalMillis: number
  /** True if the bytes match the expected digest and size. */
  readonly isVerified: boolean
}

/**
 * A failed download. The message has the status and the `detail` of the problem document, or describes the connection
 * failure.
 */
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

/**
 * Waits until the proxy at `origin` answers /readyz with 200, for at most about 10 seconds. Does not fail if the proxy
 * is not ready then.
 */
export const awaitReady = (origin: string) =>
  HttpClient.get(`${origin}/readyz`).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.retry({ times: 500, schedule: Schedule.spaced("20 millis") }),
    Effect.ignore
  )

class StillFilling extends Schema.TaggedError<StillFilling>()("StillFilling", {}) {}

/**
 * Waits until the package at `url` is cached, but at most about 1 second. Does not fail if the package is still not
 * cached after this time. The proxy stores a package shortly after it has sent the response, so a request sent
 * immediately would not be a hit.
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

/**
 * Downloads `url` and compares the content with `expected`. Calls `onProgress` for each chunk with the number of bytes
 * received so far. Fails with `DownloadError` if the status is not 200 or the connection fails.
 */
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
      isVerified: verifier.matches()
    }
    return result
  },
  Effect.scoped,
  Effect.catchTag("HttpClientError", (error) => Effect.fail(new DownloadError({ message: error.message })))
)
