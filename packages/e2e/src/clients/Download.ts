import { Effect, Schema, Stream } from "effect"
import { HttpClient } from "effect/http"
import { closeSync, fstatSync, openSync, readSync } from "node:fs"

/** The status and headers of a response, and the result of comparing its body with a file. */
export interface Download {
  readonly status: number
  /**
   * The Cache-Status header without the leading cache name, for example `hit` or `fwd=miss; stored`. Empty if the
   * header is absent.
   */
  readonly cacheStatus: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly size: number
  /** True if the response body has the same bytes as the file with which it was compared. */
  readonly isUnchanged: boolean
}

const opened = (file: string) =>
  Effect.acquireRelease(
    Effect.sync(() => openSync(file, "r")),
    (descriptor) => Effect.sync(() => closeSync(descriptor))
  )

/**
 * Sends a GET request, compares the response body with a file, and returns the result. Compares each chunk when it
 * arrives, so that the whole body is never in memory.
 */
export const downloadAndCompare = Effect.fnUntraced(function* (url: string, file: string) {
  const descriptor = yield* opened(file)
  const wanted = fstatSync(descriptor).size
  let scratch = Buffer.alloc(1 << 16)
  let size = 0
  let isUnchanged = true
  const response = yield* HttpClient.get(url)
  yield* Stream.runForEach(response.stream, (chunk) =>
    Effect.sync(() => {
      if (chunk.length > scratch.length) scratch = Buffer.alloc(chunk.length)
      const read = readSync(descriptor, scratch, 0, chunk.length, size)
      isUnchanged &&= read === chunk.length && scratch.subarray(0, read).equals(chunk)
      size += chunk.length
    })
  )
  const download: Download = {
    status: response.status,
    cacheStatus: (response.headers["cache-status"] ?? "").replace(/^registry-packages-proxy; /, ""),
    headers: response.headers,
    size,
    isUnchanged: isUnchanged && size === wanted
  }
  return download
}, Effect.scoped)

const decodeProblem = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ detail: Schema.String }))
)

/**
 * Sends a GET request. Returns the status and the `detail` of the problem (RFC 9457) in the response body. Fails if the
 * body has no `detail`.
 */
export const requestProblem = Effect.fnUntraced(function* (url: string) {
  const response = yield* HttpClient.get(url)
  const { detail } = yield* decodeProblem(yield* response.text)
  return { status: response.status, detail }
})

/** Sends a GET request, discards the response body and returns the status. */
export const statusOf = Effect.fnUntraced(function* (url: string) {
  const response = yield* HttpClient.get(url)
  yield* response.arrayBuffer
  return response.status
})

/**
 * Sends a HEAD request. Returns the Cache-Status header of the response without the leading cache name. Empty if the
 * header is absent.
 */
export const cacheStatusOf = (url: string) =>
  Effect.map(HttpClient.head(url), ({ headers }) =>
    (headers["cache-status"] ?? "").replace(/^registry-packages-proxy; /, "")
  )
