import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Clock, Effect, Option, Schedule, Schema, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"

/** One download, measured and checked. */
export interface Download {
  /** The Cache-Status header without the cache's name. */
  readonly cacheStatus: string
  readonly size: number
  /** Milliseconds to the first byte of the body, and to the last. */
  readonly firstByte: number
  readonly total: number
  /** The bytes that came are those that were wanted. */
  readonly verified: boolean
}

/** What came instead of a package: the problem's own words, or how the connection failed. */
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

/** Waits until the proxy behind `origin` has read its credentials, or for ten seconds. */
export const ready = (origin: string) =>
  HttpClient.get(`${origin}/readyz`).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.retry({ times: 500, schedule: Schedule.spaced("20 millis") }),
    Effect.ignore
  )

class StillFilling extends Schema.TaggedError<StillFilling>()("StillFilling", {}) {}

/**
 * Waits until the cache says it holds what `url` names, for a second at most: a fill ends a moment after its last byte
 * was served, and until then another request counts as one that joined it.
 */
export const settled = (url: string) =>
  HttpClient.head(url).pipe(
    Effect.filterOrFail(
      (response) => !cacheStatusOf(response).startsWith("fwd=miss"),
      () => new StillFilling()
    ),
    Effect.retry({ times: 50, schedule: Schedule.spaced("20 millis") }),
    Effect.ignore
  )

/** Gets `url` and hashes what comes; `onProgress` hears how many bytes have come. */
export const download = Effect.fnUntraced(
  function* (
    url: string,
    wanted: { readonly digest: Digest; readonly size: number },
    onProgress: (received: number) => Effect.Effect<void> = () => Effect.void
  ) {
    const millis = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)
    const started = yield* millis
    const response = yield* HttpClient.get(url)
    if (response.status !== 200) return yield* refuse(response)
    const verifier = new DigestVerifier(wanted)
    let firstByte: number | undefined
    yield* Stream.runForEach(
      response.stream,
      Effect.fnUntraced(function* (chunk) {
        firstByte ??= (yield* millis) - started
        verifier.update(chunk)
        yield* onProgress(verifier.length)
      })
    )
    const total = (yield* millis) - started
    const result: Download = {
      cacheStatus: cacheStatusOf(response),
      size: verifier.length,
      firstByte: firstByte ?? total,
      total,
      verified: verifier.matches()
    }
    return result
  },
  Effect.scoped,
  Effect.catchTag("HttpClientError", (error) => Effect.fail(new DownloadError({ message: error.message })))
)
