import { Digest, type DigestAlgorithm } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { createHash } from "node:crypto"

/** A blob with its digest. A large blob can be generated while it is read, so that it is never whole in memory. */
export interface RegistryBlob {
  readonly digest: Digest
  readonly size: number
  /**
   * Returns the bytes from `start` to `end` (exclusive) in chunks. Do not write to a chunk, because chunks may share
   * memory.
   */
  readonly read: (start: number, end: number) => Iterable<Uint8Array>
}

export const fromBytes = (bytes: Uint8Array, using: DigestAlgorithm = "sha256"): RegistryBlob => ({
  digest: digestOf(bytes, using),
  size: bytes.length,
  read: (start, end) => [bytes.subarray(start, end)]
})

const blockSize = 1 << 20

/** Returns `size` pseudo-random bytes (xorshift32). Equal seeds give equal bytes. */
export const randomBytes = (seed: number, size: number): Uint8Array => {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = (Math.imul(seed, 0x9e3779b9) ^ 0x85ebca6b) >>> 0 || 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return new Uint8Array(words.buffer, 0, size)
}

/**
 * Makes a blob of any size. Each read generates the bytes, so the whole blob is never in memory. This function computes
 * the digest, in one pass over all bytes.
 */
export const generated = (options: {
  readonly seed: number
  readonly size: number
  readonly algorithm?: DigestAlgorithm
}): RegistryBlob => {
  const { seed, size } = options
  const half = randomBytes(seed, blockSize)
  const pattern = new Uint8Array(2 * blockSize)
  pattern.set(half)
  pattern.set(half, blockSize)

  // Each block starts at a different offset of the pattern, so that no two blocks of a blob are equal. No block is
  // copied.
  const read = function* (start: number, end: number) {
    for (let at = start; at < end;) {
      const block = Math.floor(at / blockSize)
      const shift = (block * 4099) % blockSize
      const stop = Math.min(end, (block + 1) * blockSize)
      yield pattern.subarray(shift + at - block * blockSize, shift + stop - block * blockSize)
      at = stop
    }
  }
  const using = options.algorithm ?? "sha256"
  const hash = createHash(using)
  for (const chunk of read(0, size)) hash.update(chunk)
  return { digest: Digest.make(`${using}:${hash.digest("hex")}`), size, read }
}

export const toBytes = (blob: RegistryBlob): Uint8Array => Buffer.concat([...blob.read(0, blob.size)])

/**
 * Returns `blob` with the byte at offset `at` inverted. The digest is unchanged, so the bytes do not match the digest.
 */
export const damaged = (blob: RegistryBlob, at: number): RegistryBlob => ({
  digest: blob.digest,
  size: blob.size,
  read: function* (start, end) {
    let offset = start
    for (const chunk of blob.read(start, end)) {
      const index = at - offset
      offset += chunk.length
      if (index < 0 || index >= chunk.length) yield chunk
      else yield chunk.map((byte, position) => (position === index ? byte ^ 0xff : byte))
    }
  }
})
