import { createHash, randomFillSync } from "node:crypto"
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"

/**
 * A package in the benchmark's registry. Its manifest has one layer of `size` bytes. `file` is the path of this layer.
 */
export interface RegistryPackage {
  readonly size: number
  readonly layerDigest: string
  readonly manifestDigest: string
  readonly file: string
}

const block = 4 * 1024 * 1024

const digestOf = (bytes: string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

/**
 * Creates a package with a layer of `size` incompressible bytes. Writes the layer and its manifest into `directory`,
 * from which the registry serves them.
 */
export const makePackage = (directory: string, size: number): RegistryPackage => {
  const blobs = join(directory, "v2/bench/blobs")
  const manifests = join(directory, "v2/bench/manifests")
  mkdirSync(blobs, { recursive: true })
  mkdirSync(manifests, { recursive: true })
  const hash = createHash("sha256")
  const chunks: Array<Buffer> = []
  const bytes = randomFillSync(Buffer.allocUnsafe(Math.min(block, size)))
  for (let left = size; left > 0; left -= block) {
    // A counter makes the blocks different. New random bytes for each block would take too long.
    const chunk = Buffer.from(bytes.subarray(0, Math.min(block, left)))
    chunk.writeDoubleLE(left, 0)
    hash.update(chunk)
    chunks.push(chunk)
  }
  const layerDigest = `sha256:${hash.digest("hex")}`
  const file = join(blobs, layerDigest)
  const descriptor = openSync(file, "w")
  for (const chunk of chunks) writeSync(descriptor, chunk)
  closeSync(descriptor)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: layerDigest, size }]
  })
  const manifestDigest = digestOf(manifest)
  writeFileSync(join(manifests, manifestDigest), manifest)
  writeFileSync(join(blobs, digestOf("{}")), "{}")
  return { size, layerDigest, manifestDigest, file }
}
