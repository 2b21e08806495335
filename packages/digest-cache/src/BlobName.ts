import { algorithm, Digest, encoded } from "@registry-packages-proxy/oci/Digest"
import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { Option, Schema } from "effect"

/**
 * The name of a stored blob. Contains the blob's key (`manifestDigest` and `platform`), and the digest, size and
 * compression of the bytes.
 */
export interface BlobName {
  /** The digest of the image manifest or the image index. */
  readonly manifestDigest: Digest
  /** Present if `manifestDigest` is the digest of an image index. */
  readonly platform: Option.Option<Platform>
  /** The digest that the bytes must have. */
  readonly layerDigest: Digest
  /** The size of the complete blob, in bytes. A shorter file is incomplete, for example after a crash. */
  readonly size: number
  readonly compression: "gzip" | "zstd"
}

/** Returns the descriptor of the package in a blob with this name. */
export const descriptorOf = (name: BlobName): PackageDescriptor => ({
  layerDigest: name.layerDigest,
  size: name.size,
  compression: name.compression,
  viaIndex: Option.isSome(name.platform)
})

// Two sha512 digests in hex would exceed the limit of 255 bytes for a file name, so sha512 digests are written in
// base64url.
const formatDigest = (digest: Digest): string =>
  algorithm(digest) === "sha256"
    ? `sha256-${encoded(digest)}`
    : `sha512-${Buffer.from(encoded(digest), "hex").toString("base64url")}`

const decodeDigest = Schema.decodeUnknownOption(Digest)

const parseDigest = (text: string): Option.Option<Digest> =>
  text.startsWith("sha512-")
    ? decodeDigest(`sha512:${Buffer.from(text.slice(7), "base64url").toString("hex")}`)
    : decodeDigest(text.replace("-", ":"))

const decodePlatform = Schema.decodeUnknownOption(Platform)

// The separators of a platform have another meaning in file names, so linux/arm64/v8.5 is written as linux-arm64-v8_5.
const formatPlatform = (platform: Platform): string => platform.replaceAll("/", "-").replaceAll(".", "_")
const parsePlatform = (text: string): Option.Option<Platform> =>
  decodePlatform(text.replaceAll("-", "/").replaceAll("_", "."))

const extensions = { gzip: "tar.gz", zstd: "tar.zst" } as const

/** Returns the file name `<manifest digest>.<platform, or any>.<layer digest>.<size>.tar.gz` (or `.tar.zst`). */
export const format = (name: BlobName): string =>
  [
    formatDigest(name.manifestDigest),
    Option.match(name.platform, { onNone: () => "any", onSome: formatPlatform }),
    formatDigest(name.layerDigest),
    String(name.size),
    extensions[name.compression]
  ].join(".")

/** Parses a file name that `format` returned. Returns none for any other text. */
export const parse = (fileName: string): Option.Option<BlobName> => {
  const [manifestText = "", platformText = "", layerText = "", sizeText, tar, extension, ...rest] =
    fileName.split(".")
  const compression = extension === "gz" ? "gzip" : "zstd"
  const manifestDigest = parseDigest(manifestText)
  const layerDigest = parseDigest(layerText)
  const size = Number(sizeText)
  const platform = platformText === "any" ? Option.none() : parsePlatform(platformText)
  if (
    tar !== "tar" ||
    rest.length > 0 ||
    !Number.isSafeInteger(size) ||
    Option.isNone(manifestDigest) ||
    Option.isNone(layerDigest)
  ) {
    return Option.none()
  }
  const name: BlobName = {
    manifestDigest: manifestDigest.value,
    platform,
    layerDigest: layerDigest.value,
    size,
    compression
  }
  return format(name) === fileName ? Option.some(name) : Option.none()
}
