import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"

/**
 * The maximum size of the cache in all schedules, in bytes. All packages together are larger, so the cache must evict.
 */
export const cap = 1_000_000

/**
 * The maximum total size of the packages in memory, in bytes, with the overhead of each package (see `MemoryTier`).
 * Of the test's packages, only `tiny` is smaller than this maximum.
 */
export const memory = 6000

/** A package in the test registry. The tests compare each response with `image`, `bytes` and `compression`. */
export interface Package {
  readonly name: string
  readonly image: RegistryImage.RegistryImage
  /** The package's content. Undefined if the image is an index without a child for linux/amd64. */
  readonly bytes: Uint8Array | undefined
  readonly compression: "gzip" | "zstd"
}

const blob = (seed: number, size: number, algorithm: "sha256" | "sha512" = "sha256") =>
  RegistryBlob.fromBytes(RegistryBlob.randomBytes(seed, size), algorithm)

const blobs = {
  tiny: blob(1, 5000),
  small: blob(2, 200_000),
  large: blob(3, 270_000),
  larger: blob(4, 580_000),
  other: blob(5, 300_000, "sha512"),
  // This package leaves too little space under the cap for any other package.
  full: blob(6, cap - 4 * 4096 - 512)
} as const

const zstd = "application/vnd.oci.image.layer.v1.tar+zstd"
const foreignChild = RegistryImage.ofPackage(blob(7, 1000))

const of = (
  name: string,
  image: RegistryImage.RegistryImage,
  layer: RegistryBlob.RegistryBlob | undefined,
  compression: Package["compression"] = "gzip"
): Package => ({
  name,
  image,
  bytes: layer === undefined ? undefined : RegistryBlob.toBytes(layer),
  compression
})

/**
 * The packages in the test registry. They differ in size, format, digest algorithm and compression, and some share a
 * layer.
 */
export const packages: ReadonlyArray<Package> = [
  of("tiny", RegistryImage.ofPackage(blobs.tiny), blobs.tiny),
  of("small", RegistryImage.ofPackage(blobs.small), blobs.small),
  of("large", RegistryImage.ofPackage(blobs.large), blobs.large),
  of("larger", RegistryImage.ofPackage(blobs.larger), blobs.larger),
  of(
    "index of larger",
    RegistryImage.index([
      { image: foreignChild, platform: "linux/arm64" },
      { image: RegistryImage.ofPackage(blobs.larger, { format: "docker" }), platform: "linux/amd64" }
    ]),
    blobs.larger
  ),
  of("large in two layers", RegistryImage.image([{ blob: blobs.tiny }, { blob: blobs.large }]), blobs.large),
  of(
    "other",
    RegistryImage.ofPackage(blobs.other, { algorithm: "sha512", mediaType: zstd }),
    blobs.other,
    "zstd"
  ),
  of("full", RegistryImage.ofPackage(blobs.full), blobs.full),
  of("not for us", RegistryImage.index([{ image: foreignChild, platform: "linux/arm64" }]), undefined)
]

/** The position in `packages` of the package that fits only into an empty cache. */
export const full = packages.findIndex(({ name }) => name === "full")

/**
 * The positions of two small packages in `packages`. The cache reads a small package completely before the response
 * begins.
 */
export const small = [0, 1]

export const largestSize = blobs.full.size
export const repository = "registry.test/modules"
export const registryName = "modules/pkg"
