import type { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect, Pull, Scope, Stream } from "effect"
import { BodyError, DigestMismatch } from "../../BodyError.ts"
import type { PackageReader } from "../../DigestCache.ts"
import { heldBack } from "./Growing.ts"

/** What hashing found against the blob that was promised. */
export const mismatch = (verifier: Pick<DigestVerifier, "digest" | "size" | "length">): BodyError =>
  new BodyError({
    reason: new DigestMismatch({
      expected: verifier.digest,
      expectedSize: verifier.size,
      actualSize: verifier.length
    })
  })

/**
 * Reads a blob straight from its stream, hashing as it passes. `verifier` has seen everything before the stream's first
 * byte. Bytes before `start` are hashed and skipped; the last ones before `end` are held back until the whole blob has
 * proved right, which means the stream is read to its end even where `end` comes sooner. Holds at most `heldBack` bytes
 * and what one pull brought. `prime` takes the stream's first bytes, so that what fails before them fails early.
 */
export const verifyingReader = <E>(options: {
  readonly stream: Stream.Stream<Uint8Array, E>
  readonly verifier: DigestVerifier
  readonly start: number
  readonly end: number
  readonly scope: Scope.Scope
}): Effect.Effect<PackageReader<E> & { readonly prime: Effect.Effect<void, E | BodyError> }> =>
  Effect.gen(function* () {
    const { end, start, verifier } = options
    const pull = yield* Stream.toPull(options.stream).pipe(Scope.provide(options.scope))
    // Chunks between `position` and `pulled`, of which the first is read from `offset` on.
    const chunks: Array<Uint8Array> = []
    let offset = 0
    let position = start
    let verified = false

    const accept = (chunk: Uint8Array): boolean => {
      const at = verifier.length
      verifier.update(chunk)
      const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at))
      if (wanted.length > 0) chunks.push(wanted)
      return !verifier.overflowed
    }

    const copy = (into: Uint8Array, limit: number): number => {
      let count = 0
      while (count < into.length && position < limit) {
        const chunk = chunks[0]
        if (chunk === undefined) break
        const length = Math.min(chunk.length - offset, into.length - count, limit - position)
        into.set(chunk.subarray(offset, offset + length), count)
        count += length
        position += length
        offset += length
        if (offset === chunk.length) {
          chunks.shift()
          offset = 0
        }
      }
      return count
    }

    const more: Effect.Effect<void, E | BodyError> = pull.pipe(
      Effect.flatMap((arrived) => (arrived.every(accept) ? Effect.void : Effect.fail(mismatch(verifier)))),
      Pull.catchDone(() =>
        Effect.suspend(() => {
          verified = verifier.matches()
          return verified ? Effect.void : Effect.fail(mismatch(verifier))
        })
      )
    )

    const read = (into: Uint8Array): Effect.Effect<number, E | BodyError> =>
      Effect.suspend(() => {
        const count = copy(into, verified ? end : end - heldBack)
        if (count > 0 || verified) return Effect.succeed(count)
        return Effect.andThen(more, read(into))
      })

    return { read, prime: more }
  })

/** All of a small blob, verified, in one piece. */
export const collect = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  verifier: DigestVerifier
): Effect.Effect<Uint8Array, E | BodyError> =>
  Effect.suspend(() => {
    const bytes = Buffer.allocUnsafeSlow(verifier.size)
    return stream.pipe(
      Stream.runForEach((chunk) => {
        const at = verifier.length
        verifier.update(chunk)
        if (verifier.overflowed) return Effect.fail(mismatch(verifier))
        bytes.set(chunk, at)
        return Effect.void
      }),
      Effect.flatMap(() => (verifier.matches() ? Effect.succeed(bytes) : Effect.fail(mismatch(verifier))))
    )
  })
