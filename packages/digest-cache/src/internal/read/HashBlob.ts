import type { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect } from "effect"

/** Bytes that are read and hashed at a time. The event loop runs in between. */
const chunkSize = 256 * 1024

/** Reads a blob into its verifier, up to its size or until `read` returns 0. */
export const hashBlob = <E>(
  verifier: DigestVerifier,
  read: (into: Uint8Array, position: number) => Effect.Effect<number, E>
): Effect.Effect<void, E> =>
  Effect.gen(function* () {
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkSize, verifier.size))
    while (verifier.length < verifier.size) {
      const count = yield* read(buffer.subarray(0, verifier.size - verifier.length), verifier.length)
      if (count === 0) return
      verifier.update(buffer.subarray(0, count))
    }
  })
