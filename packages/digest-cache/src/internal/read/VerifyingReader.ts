import type { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect, Pull, Scope, Stream } from "effect"
import { BodyError, DigestMismatch } from "../../BodyError.ts"
import type { PackageReader } from "../../OpenPackage.ts"
import { tailBytes } from "./SharedProgress.ts"

/** Makes the error for bytes that do not have the expected digest or size. */
export const mismatchError = (verifier: Pick<DigestVerifier, "digest" | "size" | "length">): BodyError =>
  new BodyError({
    reason: new DigestMismatch({
      expected: verifier.digest,
      expectedSize: verifier.size,
      actualSize: verifier.length
    })
  })

/**
 * Makes a reader of a blob's stream. The reader returns the bytes from offset `start` (inclusive) to `end` (exclusive),
 * and verifies the whole blob.
 *
 * If the stream does not begin at the first byte of the blob, `verifier` must already have hashed all earlier bytes.
 *
 * Before the reader returns the last `tailBytes` bytes of the range, it reads the stream to its end and verifies the
 * whole blob. The reader buffers at most `tailBytes` bytes, plus the chunks that the stream delivers at once.
 *
 * `pullFirst` waits for the first chunks of the stream, so that a failure is known before the response begins.
 */
export const verifyingReader = <E>(options: {
  readonly stream: Stream.Stream<Uint8Array, E>
  readonly verifier: DigestVerifier
  readonly start: number
  readonly end: number
  readonly scope: Scope.Scope
}): Effect.Effect<PackageReader<E> & { readonly pullFirst: Effect.Effect<void, E | BodyError> }> =>
  Effect.gen(function* () {
    const { end, start, verifier } = options
    const pull = yield* Stream.toPull(options.stream).pipe(Scope.provide(options.scope))
    // Chunks that are not completely copied yet. The first chunk is copied up to `offset`.
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
      Effect.flatMap((arrived) =>
        arrived.every(accept) ? Effect.void : Effect.fail(mismatchError(verifier))
      ),
      Pull.catchDone(() =>
        Effect.suspend(() => {
          verified = verifier.matches()
          return verified ? Effect.void : Effect.fail(mismatchError(verifier))
        })
      )
    )

    const read = (into: Uint8Array): Effect.Effect<number, E | BodyError> =>
      Effect.suspend(() => {
        const count = copy(into, verified ? end : end - tailBytes)
        if (count > 0 || verified) return Effect.succeed(count)
        return Effect.andThen(more, read(into))
      })

    return { read, pullFirst: more }
  })

/** Reads and verifies a whole blob in memory. Fails with `DigestMismatch` if the size or the digest is wrong. */
export const readVerified = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  verifier: DigestVerifier
): Effect.Effect<Uint8Array, E | BodyError> =>
  Effect.suspend(() => {
    const bytes = Buffer.allocUnsafeSlow(verifier.size)
    return stream.pipe(
      Stream.runForEach((chunk) => {
        const at = verifier.length
        verifier.update(chunk)
        if (verifier.overflowed) return Effect.fail(mismatchError(verifier))
        bytes.set(chunk, at)
        return Effect.void
      }),
      Effect.flatMap(() =>
        verifier.matches() ? Effect.succeed(bytes) : Effect.fail(mismatchError(verifier))
      )
    )
  })
