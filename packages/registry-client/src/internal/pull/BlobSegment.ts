import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { PackageLayer } from "@registry-packages-proxy/domain/PackageDescriptor"
import { shortDigest } from "@registry-packages-proxy/oci/Digest"
import { Effect, Exit, Option, Pull, Scope } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import type { Repository } from "../../Repository.ts"
import { ConnectionFailed } from "../../RegistryError.ts"
import { type Chunks, contentLength, LentBuffers, pull } from "../wire/Body.ts"
import type { Exchange } from "./Exchange.ts"
import { invalid, passing, type PullFailure } from "../wire/PullFailure.ts"

/** One answer that carries a blob from some position on, with its first bytes already here. */
export interface BlobSegment {
  readonly first: Chunks
  readonly rest: Pull.Pull<Chunks, PullFailure>
  readonly close: Effect.Effect<void>
  /** A range may be asked for again: none was, or it was given. */
  readonly takesRanges: boolean
}

const wholeOrPart: ReadonlySet<number> = new Set([200, 206])

/** The statuses by which servers refuse a range although they have the blob. */
const refusesRange: ReadonlySet<number> = new Set([400, 416, 501])

const contentRange = /^bytes (\d{1,16})-(\d{1,16})\/(?:\d{1,16}|\*)$/i

/**
 * The offset in the blob at which an answer's bytes begin; undefined where they cannot be used from `position` on. A
 * range that begins earlier or ends too soon can be used, one that leaves a hole cannot. Without Content-Range the length
 * tells the rest from the whole. The digest decides in the end.
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

/** Leaves the first `known` bytes out; an array may come out with no byte in it. */
const skipping = (chunks: Pull.Pull<Chunks, PullFailure>, known: number): Pull.Pull<Chunks, PullFailure> => {
  if (known === 0) return chunks
  let left = known
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

/** The first array that has a byte in it. */
const firstBytes = (chunks: Pull.Pull<Chunks, PullFailure>): Pull.Pull<Chunks, PullFailure> =>
  Effect.flatMap(chunks, (array) =>
    array.some((chunk) => chunk.length > 0) ? Effect.succeed(array) : firstBytes(chunks)
  )

/** The failure of a connection that gave less than it should have; another try may give the rest. */
export const endedEarly = passing(
  new ConnectionFailed({ kind: "reset", detail: "the connection ended before the whole blob had come" })
)

const isRangeRefusal = ({ reason }: PullFailure): boolean =>
  reason._tag === "UnexpectedStatus" && refusesRange.has(reason.status)

/**
 * Asks the registry, not a place it redirected to before, for a blob from `position` on: by a range, where `ranged`,
 * and once more without one where it is refused or answered with what cannot be used.
 */
export const open = (exchange: Exchange) => {
  /** Undefined for an answer that cannot be used from `position` on. */
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
    const question = { operation: "blob", path: `blobs/${layer.layerDigest}`, headers } as const
    const opened = Effect.gen(function* () {
      const answer = yield* exchange(repository, question, wholeOrPart)
      const start = startOf(answer.response, layer, position, ranged)
      if (start === undefined) return { unusable: unusable(layer, answer.response) }
      const chunks = yield* Effect.provideService(pull(answer), LentBuffers, buffers)
      const rest = skipping(chunks, position - start)
      const first = yield* Pull.catchDone(firstBytes(rest), () => Effect.fail(endedEarly))
      return { first, rest, close, takesRanges: true }
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
    return { ...whole, takesRanges: position === 0 }
  })
}

const unusable = (layer: PackageLayer, response: HttpClientResponse.HttpClientResponse): PullFailure => {
  const length = Option.getOrUndefined(contentLength(response))
  const encoding = response.headers["content-encoding"]
  return invalid(
    `the blob ${shortDigest(layer.layerDigest)} came with ${length ?? "an unknown number of"} bytes` +
      `${response.status === 206 ? " of another range" : ""}, and its manifest says ${layer.size}` +
      (encoding === undefined ? "" : "; a server on the way may have encoded it")
  )
}
