import { Digest } from "@registry-packages-proxy/oci/Digest"
import { Effect, FileSystem, Path } from "effect"
import { createTarPacker } from "modern-tar"
import { createCipheriv, createHash, type Hash } from "node:crypto"
import { createWriteStream } from "node:fs"
import { Readable, Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import { constants, createGzip, createZstdCompress } from "node:zlib"

/** A package to make: the same request gives the same bytes. */
export interface PackageRequest {
  /** About how many bytes it is to have. */
  readonly size: number
  readonly compression?: "gzip" | "zstd"
  /** Packages of different seeds differ. */
  readonly seed: number
}

/** A package on disk, as a registry is to store it. */
export interface PackageFile {
  readonly path: string
  readonly digest: Digest
  readonly size: number
  readonly mediaType: string
  /** The digest of the tar inside. */
  readonly diffId: Digest
}

const mediaTypes = {
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd"
}

const chunkSize = 1 << 20
// Every file of a package bears this time, so that the same package has the same digest on every day.
const mtime = new Date("2026-01-01T00:00:00Z")

/** Bytes nothing can compress, without end, at the speed of the processor's AES. */
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

// What cannot be compressed is stored: level 0 for gzip; zstd finds out by itself.
const compressor = (compression: "gzip" | "zstd") =>
  compression === "gzip"
    ? createGzip({ level: 0, chunkSize })
    : createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } })

const write = async (path: string, { compression = "gzip", seed, size }: PackageRequest) => {
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

/** Writes a package, a compressed tar, into the directory, under the hexadecimal digits of its digest. */
export const make = Effect.fnUntraced(function* (directory: string, request: PackageRequest) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const temporary = yield* fs.makeTempFile({ directory })
  const made = yield* Effect.promise(() => write(temporary, request))
  const final = path.join(directory, made.digest.slice("sha256:".length))
  yield* fs.rename(temporary, final)
  const file: PackageFile = { ...made, path: final }
  return file
})
