import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"

/** The cap of every schedule's cache: two of the larger packages do not fit together. */
export const cap = 1_000_000

/** The size of its memory tier: the smaller of the two small packages fits. */
export const memory = 6000

/** A package, defined without any of the program's code. */
export interface Package {
  readonly name: string
  readonly image: RegistryImage.RegistryImage
  /** Undefined if there is no image for the platform. */
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
  // With its directories it has exactly the size of the cap.
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

/** A few packages: small and large, with shared layers, indexes, both algorithms and compressions. */
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

/** The package that fits only into an empty cache. */
export const full = packages.findIndex(({ name }) => name === "full")

/** The packages that are sent in one piece. */
export const small = [0, 1]

export const largestSize = blobs.full.size
export const repository = "registry.test/modules"
export const registryName = "modules/pkg"
