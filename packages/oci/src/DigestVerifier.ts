import { createHash, type Hash } from "node:crypto"
import { algorithm, Digest } from "./Digest.ts"

/**
 * Hashes bytes as they pass and says whether they are what a descriptor promised: exactly `size` bytes with `digest`.
 *
 * `effect/crypto` digests are one-shot; a package is hashed while it streams, so this rests on `node:crypto`.
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

  /** Bytes seen so far. */
  get length(): number {
    return this.#length
  }

  update(chunk: Uint8Array): void {
    this.#length += chunk.length
    this.#hash.update(chunk)
  }

  /** More bytes were seen than the descriptor's size allows: no further byte can mend that. */
  get overflowed(): boolean {
    return this.#length > this.size
  }

  /** An independent verifier that has seen the same bytes. */
  copy(): DigestVerifier {
    return new DigestVerifier(this, this)
  }

  /** Whether size and digest are right. Reads a copy of the state, so it may be asked at any time. */
  matches(): boolean {
    return this.#length === this.size && this.actual() === this.digest
  }

  /** The digest of the bytes seen so far. */
  actual(): Digest {
    return Digest.make(`${algorithm(this.digest)}:${this.#hash.copy().digest("hex")}`)
  }
}

/** The digest of `bytes` under the algorithm of your choice. */
export const digestOf = (bytes: Uint8Array, using: "sha256" | "sha512" = "sha256"): Digest =>
  Digest.make(`${using}:${createHash(using).update(bytes).digest("hex")}`)
