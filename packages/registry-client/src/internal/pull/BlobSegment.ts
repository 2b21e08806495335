import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { PackageLayer } from "@registry-packages-proxy/domain/PackageDescriptor"
import { shortDigest } from "@registry-packages-proxy/oci/Digest"
import { Effect, Exit, Option, Pull, Scope } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import type { Repository } from "../../Repository.ts"
import { ConnectionFailed } from "../../RegistryError.ts"
import { type Chunks, contentLength, CurrentReadBuffers, pullBody } from "../wire/Body.ts"
import type { SendRequest } from "./RegistryRequest.ts"
import { invalidResponse, retryable, type PullFailure } from "../wire/PullFailure.ts"

/** One response with the bytes of a blob, from a requested position to the end. */
export interface BlobSegment {
  /** The first received bytes, at least one. */
  readonly first: Chunks
  readonly rest: Pull.Pull<Chunks, PullFailure>
  readonly close: Effect.Effect<void>
  /**
   * True if the next request may use a range. False if the server refused a range, or its response to a range request
   * could not be used.
   */
  readonly acceptsRanges: boolean
}

const fullOrPartial: ReadonlySet<number> = new Set([200, 206])

/** The statuses with which servers refuse a range although they have the blob. */
const rangeRefusals: ReadonlySet<number> = new Set([400, 416, 501])

const contentRange = /^bytes (\d{1,16})-(\d{1,16})\/(?:\d{1,16}|\*)$/i

/**
 * Returns the offset in the blob at which a response begins. Undefined if the response does not contain `position`. If
 * the response has a Content-Range, the offset is the start of this range, which may be before `position`. Otherwise,
 * the Content-Length shows whether the response is the whole blob or the requested range. If both fields are absent,
 * the status shows this. A wrong offset is detected later, when the digest is verified.
 */
const startOf = (
  response: HttpClientResponse.HttpClientResponse,
  { size }: PackageLayer,
  position: number,
  ranged: boolean
): number | undefined => {
  const length = Option.getOrUndefined(contentLength(response))
  const range = contentRange.exec(Option.getOrElse(Headers.get(response.headers, "content-range"), () => ""))
  if (range !== null) {
    const start = Number(range[1])
    const end = Number(range[2]) + 1
    const isPossible = start <= position && position < end && (length === undefined || length === end - start)
    return isPossible ? start : undefined
  }
  if (/^multipart\//i.test(response.headers["content-type"] ?? "")) return undefined
  if (length === undefined) return ranged && response.status === 206 ? position : 0
  if (ranged && length === size - position) return position
  return length >= size ? 0 : undefined
}

/** Skips the first `count` bytes. May emit empty chunks. */
const skipBytes = (chunks: Pull.Pull<Chunks, PullFailure>, count: number): Pull.Pull<Chunks, PullFailure> => {
  if (count === 0) return chunks
  let left = count
  return Effect.map(chunks, (array) => {
    if (left === 0) return array
    const skip = (chunk: Uint8Array): Uint8Array => {
      const skipped = Math.min(left, chunk.length)
      left -= skipped
      return skipped === 0 ? chunk : chunk.subarray(skipped)
    }
    const [head, ...tail] = array
    return [skip(head), ...tail.map(skip)]
  })
}

/** Pulls until an array of chunks has at least one byte, and returns this array. */
const firstBytes = (chunks: Pull.Pull<Chunks, PullFailure>): Pull.Pull<Chunks, PullFailure> =>
  Effect.flatMap(chunks, (array) =>
    array.some((chunk) => chunk.length > 0) ? Effect.succeed(array) : firstBytes(chunks)
  )

/** The failure of a connection that ended before the end of the blob. */
export const connectionEnded = retryable(
  new ConnectionFailed({ kind: "reset", detail: "the connection ended before the whole blob was received" })
)

const isRangeRefusal = ({ reason }: PullFailure): boolean =>
  reason._tag === "UnexpectedStatus" && rangeRefusals.has(reason.status)

/**
 * Makes the function that requests a blob from a given position to the end. The function sends each request to the
 * registry, never directly to an earlier redirect target. If the range is refused, or the response cannot be used, it
 * requests the whole blob once and skips the bytes before the position.
 */
export const open = (sendRequest: SendRequest) => {
  const attempt = Effect.fnUntraced(function* (
    repository: Repository,
    layer: PackageLayer,
    position: number,
    ranged: boolean,
    buffers: ReadBuffers | undefined
  ): Effect.fn.Return<BlobSegment | { readonly unusable: PullFailure }, PullFailure, Scope.Scope> {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const close = Scope.close(scope, Exit.void)
    const headers: Record<string, string> = ranged
      ? { accept: "*/*", range: `bytes=${position}-${layer.size - 1}` }
      : { accept: "*/*" }
    const request = { operation: "blob", path: `blobs/${layer.layerDigest}`, headers } as const
    const opened = Effect.gen(function* () {
      const received = yield* sendRequest(repository, request, fullOrPartial)
      const start = startOf(received.response, layer, position, ranged)
      if (start === undefined) return { unusable: unusable(layer, received.response) }
      const chunks = yield* Effect.provideService(pullBody(received), CurrentReadBuffers, buffers)
      const rest = skipBytes(chunks, position - start)
      const first = yield* Pull.catchDone(firstBytes(rest), () => Effect.fail(connectionEnded))
      return { first, rest, close, acceptsRanges: true }
    })
    return yield* opened.pipe(
      Scope.provide(scope),
      Effect.tap((result) => ("unusable" in result ? close : Effect.void)),
      Effect.onError(() => close)
    )
  })

  return Effect.fnUntraced(function* (
    repository: Repository,
    layer: PackageLayer,
    position: number,
    options: { readonly ranged: boolean; readonly buffers: ReadBuffers | undefined }
  ): Effect.fn.Return<BlobSegment, PullFailure, Scope.Scope> {
    const { buffers } = options
    const ranged = options.ranged && position > 0
    if (ranged) {
      const part = yield* attempt(repository, layer, position, true, buffers).pipe(
        Effect.catchIf(isRangeRefusal, (unusable) => Effect.succeed({ unusable }))
      )
      if (!("unusable" in part)) return part
    }
    const whole = yield* attempt(repository, layer, position, false, buffers)
    if ("unusable" in whole) return yield* whole.unusable
    return { ...whole, acceptsRanges: position === 0 }
  })
}

const unusable = (layer: PackageLayer, response: HttpClientResponse.HttpClientResponse): PullFailure => {
  const length = Option.getOrUndefined(contentLength(response))
  const encoding = response.headers["content-encoding"]
  return invalidResponse(
    `the response for blob ${shortDigest(layer.layerDigest)} has ${length ?? "an unknown number of"} bytes` +
      `${response.status === 206 ? " of another range" : ""}, and the manifest says ${layer.size}` +
      (encoding === undefined ? "" : "; a server on the way may have encoded it")
  )
}
