import type { BlobBuffers } from "@registry-packages-proxy/oci/BlobBuffers"
import { type Digest, short } from "@registry-packages-proxy/oci/Digest"
import { Effect, Exit, Option, Pull, Scope } from "effect"
import { Headers, type HttpClientResponse } from "effect/http"
import type { Repository } from "../Repository.ts"
import { ConnectionFailed } from "../RegistryError.ts"
import { type Chunks, contentLength, LentBuffers, pull, refuseEncoded } from "./Body.ts"
import type { Exchange } from "./Exchange.ts"
import { invalid, passing, type PullFailure } from "./PullFailure.ts"

export interface Layer {
  readonly digest: Digest
  readonly size: number
}

/** One answer that carries a blob from some position on, with its first bytes already here. */
export interface BlobSegment {
  readonly first: Chunks
  readonly rest: Pull.Pull<Chunks, PullFailure>
  readonly close: Effect.Effect<void>
}

const whole: ReadonlySet<number> = new Set([200])
const wholeOrPart: ReadonlySet<number> = new Set([200, 206])

const contentRange = /^bytes (\d{1,16})-(\d{1,16})\/(?:(\d{1,16})|\*)$/i

/** Checks that an answer is the blob from `position` on; gives how many of its bytes are known already. */
const knownBytes = (
  response: HttpClientResponse.HttpClientResponse,
  layer: Layer,
  position: number
): Effect.Effect<number, PullFailure> => {
  const name = `the blob ${short(layer.digest)}`
  const wrongLength = (expected: number) =>
    Option.exists(contentLength(response), (length) => length !== expected)
  if (response.status === 200) {
    return wrongLength(layer.size)
      ? Effect.fail(invalid(`${name} came with a Content-Length that is not the size its manifest gives`))
      : Effect.succeed(position)
  }
  const match = contentRange.exec(Option.getOrElse(Headers.get(response.headers, "content-range"), () => ""))
  const right =
    match !== null &&
    Number(match[1]) === position &&
    Number(match[2]) === layer.size - 1 &&
    (match[3] === undefined || Number(match[3]) === layer.size)
  return right && !wrongLength(layer.size - position)
    ? Effect.succeed(0)
    : Effect.fail(invalid(`${name} came with another range than the one asked for`))
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

/** Asks the registry, not a place it redirected to before, for a blob from `position` on. */
export const open = (exchange: Exchange) =>
  Effect.fnUntraced(function* (
    repository: Repository,
    layer: Layer,
    position: number,
    buffers?: BlobBuffers
  ): Effect.fn.Return<BlobSegment, PullFailure, Scope.Scope> {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const ranged = position > 0
    const headers: Record<string, string> = ranged
      ? { accept: "*/*", range: `bytes=${position}-${layer.size - 1}` }
      : { accept: "*/*" }
    const question = { operation: "blob", path: `blobs/${layer.digest}`, headers } as const
    const opened = Effect.gen(function* () {
      const answer = yield* exchange(repository, question, ranged ? wholeOrPart : whole)
      yield* refuseEncoded(answer.response, `the blob ${short(layer.digest)}`)
      const known = yield* knownBytes(answer.response, layer, position)
      const rest = skipping(yield* Effect.provideService(pull(answer), LentBuffers, buffers), known)
      const first = yield* Pull.catchDone(firstBytes(rest), () => Effect.fail(endedEarly))
      return { first, rest, close: Scope.close(scope, Exit.void) }
    })
    return yield* opened.pipe(
      Scope.provide(scope),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
  })
