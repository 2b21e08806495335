import { Effect, Schema, Stream } from "effect"
import { HttpClient } from "effect/http"
import { closeSync, fstatSync, openSync, readSync } from "node:fs"

/** A response, compared with the expected file. */
export interface Download {
  readonly status: number
  /** The Cache-Status field without the cache's name; empty if the field is absent. */
  readonly cacheStatus: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly size: number
  /** True if the body equals the file. */
  readonly isUnchanged: boolean
}

const opened = (file: string) =>
  Effect.acquireRelease(
    Effect.sync(() => openSync(file, "r")),
    (descriptor) => Effect.sync(() => closeSync(descriptor))
  )

/** Sends a GET request and compares the response body with a file while the body arrives. */
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

/** Sends a GET request. Returns the status and the problem's `detail` (RFC 9457); fails if the body is no problem. */
export const requestProblem = Effect.fnUntraced(function* (url: string) {
  const response = yield* HttpClient.get(url)
  const { detail } = yield* decodeProblem(yield* response.text)
  return { status: response.status, detail }
})

/** Sends a GET request and returns the status. */
export const statusOf = Effect.fnUntraced(function* (url: string) {
  const response = yield* HttpClient.get(url)
  yield* response.arrayBuffer
  return response.status
})

/** Sends a HEAD request. Returns the Cache-Status of the response without the cache's name, such as `hit`. */
export const cacheStatusOf = (url: string) =>
  Effect.map(HttpClient.head(url), ({ headers }) =>
    (headers["cache-status"] ?? "").replace(/^registry-packages-proxy; /, "")
  )
