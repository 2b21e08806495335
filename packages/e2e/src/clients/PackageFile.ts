import { Digest } from "@registry-packages-proxy/oci/Digest"
import { Effect, FileSystem, Path } from "effect"
import { createTarPacker } from "modern-tar"
import { createCipheriv, createHash, type Hash } from "node:crypto"
import { createWriteStream } from "node:fs"
import { Readable, Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import { constants, createGzip, createZstdCompress } from "node:zlib"

/** Options of a package to generate. Equal options generate equal bytes. */
export interface PackageOptions {
  /** Size in bytes of the only file in the package. The package itself is slightly larger. */
  readonly size: number
  readonly compression?: "gzip" | "zstd"
  /** A number from 0 to 255. Packages with different seeds have different bytes. */
  readonly seed: number
}

/** A generated package on disk, with the properties that its layer descriptor needs. */
export interface PackageFile {
  readonly path: string
  readonly digest: Digest
  readonly size: number
  readonly mediaType: string
  /** Digest of the uncompressed tar, for `rootfs.diff_ids` in the image config. */
  readonly diffId: Digest
}

const mediaTypes = {
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd"
}

const chunkSize = 1 << 20
// A fixed time, so that the digest never changes.
const mtime = new Date("2026-01-01T00:00:00Z")

/** Generates incompressible bytes by encrypting zeros with AES-CTR, because this is fast. */
function* noise(seed: number, size: number): Generator<Uint8Array> {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16))
  const zeros = Buffer.alloc(chunkSize)
  for (let left = size; left > 0; left -= chunkSize)
    yield cipher.update(zeros.subarray(0, Math.min(left, chunkSize)))
}

const hashing = (hash: Hash, onBytes: (count: number) => void = () => {}) =>
  new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk)
      onBytes(chunk.length)
      done(null, chunk)
    }
  })

// Both compressors are fast. gzip level 0 stores the bytes unchanged, and zstd detects incompressible bytes.
const compressor = (compression: "gzip" | "zstd") =>
  compression === "gzip"
    ? createGzip({ level: 0, chunkSize })
    : createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } })

const write = async (path: string, { compression = "gzip", seed, size }: PackageOptions) => {
  const { controller, readable } = createTarPacker()
  const fill = async () => {
    const body = controller.add({ name: "bin/tool", type: "file", size, mode: 0o755, mtime })
    await Readable.toWeb(Readable.from(noise(seed, size))).pipeTo(body)
    controller.finalize()
  }
  const inner = createHash("sha256")
  const outer = createHash("sha256")
  let written = 0
  await Promise.all([
    fill(),
    pipeline(
      Readable.fromWeb(readable),
      hashing(inner),
      compressor(compression),
      hashing(outer, (count) => (written += count)),
      createWriteStream(path)
    )
  ])
  return {
    size: written,
    digest: Digest.make(`sha256:${outer.digest("hex")}`),
    diffId: Digest.make(`sha256:${inner.digest("hex")}`),
    mediaType: mediaTypes[compression]
  }
}

/**
 * Generates a package, which is a compressed tar, and writes it into `directory`. The file name is the hexadecimal part
 * of the package's digest.
 */
export const make = Effect.fnUntraced(function* (directory: string, request: PackageOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const temporary = yield* fs.makeTempFile({ directory })
  const made = yield* Effect.promise(() => write(temporary, request))
  const final = path.join(directory, made.digest.slice("sha256:".length))
  yield* fs.rename(temporary, final)
  const file: PackageFile = { ...made, path: final }
  return file
})
