import { createHash, type Hash } from "node:crypto"
import { algorithm, Digest, type DigestAlgorithm } from "./Digest.ts"

/**
 * Hashes a stream of bytes, and checks that the stream has exactly `size` bytes and the digest `digest`. Uses
 * `node:crypto`, because digests of `effect/crypto` are one-shot.
 */
export class DigestVerifier {
  readonly digest: Digest
  readonly size: number
  readonly #hash: Hash
  #length: number

  constructor(expected: { readonly digest: Digest; readonly size: number }, from?: DigestVerifier) {
    this.digest = expected.digest
    this.size = expected.size
    this.#hash = from === undefined ? createHash(algorithm(expected.digest)) : from.#hash.copy()
    this.#length = from === undefined ? 0 : from.#length
  }

  /** The number of bytes hashed so far. */
  get length(): number {
    return this.#length
  }

  update(chunk: Uint8Array): void {
    this.#length += chunk.length
    this.#hash.update(chunk)
  }

  /** True if more bytes than `size` were hashed. */
  get overflowed(): boolean {
    return this.#length > this.size
  }

  /** Returns an independent verifier that has hashed the same bytes and expects the same digest. */
  copy(): DigestVerifier {
    return new DigestVerifier(this, this)
  }

  /** True if the bytes hashed so far have exactly the expected size and digest. May be called at any time. */
  matches(): boolean {
    return this.#length === this.size && this.digestSoFar() === this.digest
  }

  /** Returns the digest of the bytes hashed so far. More bytes may follow. */
  digestSoFar(): Digest {
    return Digest.make(`${algorithm(this.digest)}:${this.#hash.copy().digest("hex")}`)
  }
}

/** Returns the digest of `bytes`. */
export const digestOf = (bytes: Uint8Array, using: DigestAlgorithm = "sha256"): Digest =>
  Digest.make(`${using}:${createHash(using).update(bytes).digest("hex")}`)
