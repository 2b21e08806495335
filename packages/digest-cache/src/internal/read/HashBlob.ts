import type { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect } from "effect"

/** The number of bytes that are read and hashed at a time. Other work can run between two reads. */
const chunkSize = 256 * 1024

/** Reads a blob and hashes its bytes with `verifier`. Stops after `verifier.size` bytes, or when `read` returns 0. */
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
