import { Digest, type DigestAlgorithm } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { createHash } from "node:crypto"

/** Bytes by digest; big ones need not be in memory. */
export interface RegistryBlob {
  readonly digest: Digest
  readonly size: number
  /** The bytes from `start` to `end` (exclusive). Chunks may share memory: they are not to be written to. */
  readonly read: (start: number, end: number) => Iterable<Uint8Array>
}

/** A blob of these bytes. */
export const fromBytes = (bytes: Uint8Array, using: DigestAlgorithm = "sha256"): RegistryBlob => ({
  digest: digestOf(bytes, using),
  size: bytes.length,
  read: (start, end) => [bytes.subarray(start, end)]
})

const blockSize = 1 << 20

/** Bytes that look random and are the same for the same seed (xorshift32). */
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

/** A blob of any size, generated where it is read; only its digest is computed at once, in one pass. */
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

  // Each block is the pattern from another place on, so no two blocks of one blob are alike and none is copied.
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

/** All of a blob's bytes. */
export const toBytes = (blob: RegistryBlob): Uint8Array => Buffer.concat([...blob.read(0, blob.size)])

/** A blob under another digest than its own: what a registry holds that damaged it. */
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
