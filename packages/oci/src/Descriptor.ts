import { Result, Schema } from "effect"
import { Digest, emptyDigests } from "./Digest.ts"
import type { JsonReader, Scalar } from "./internal/JsonReader.ts"
import type { DescriptorPlatform } from "./Platform.ts"

const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** A content descriptor with only the fields that a pull needs. Source: image-spec, descriptor.md. */
export interface Descriptor {
  /** Empty if the document contains no media type. */
  readonly mediaType: string
  readonly digest: Digest
  /**
   * In bytes. Undefined if the document omits the size. The size 0 counts as omitted, unless the digest is that of an
   * empty blob.
   */
  readonly size: number | undefined
}

/**
 * An unchecked descriptor from a document. `decode` checks only the descriptors that are used. Other descriptors may
 * violate the specification.
 */
export interface RawDescriptor {
  readonly mediaType?: Scalar | undefined
  readonly digest?: Scalar | undefined
  readonly size?: Scalar | undefined
  /** Undefined if the descriptor names no platform. */
  readonly platform?: DescriptorPlatform | undefined
  /** True if the descriptor describes an attestation. BuildKit adds attestations to the index of a build. */
  readonly isAttestation?: boolean
}

const readPlatform = (reader: JsonReader): DescriptorPlatform | undefined => {
  if (!reader.isObject) return undefined
  const at = reader.fields(["os", "architecture", "variant", "os.features"])
  const text = (position: number | undefined): string => {
    const value = reader.at(position, () => reader.scalar())
    return typeof value === "string" ? value : ""
  }
  const os = text(at.os)
  const architecture = text(at.architecture)
  if (os === "" && architecture === "") return undefined
  const hasFeatures = reader.at(at["os.features"], () => reader.isArray && !reader.isEmptyArray) === true
  return { os, architecture, variant: text(at.variant), hasFeatures }
}

const readIsAttestation = (reader: JsonReader): boolean => {
  if (!reader.isObject) return false
  const name = "vnd.docker.reference.type"
  const at = reader.fields([name])
  return reader.at(at[name], () => reader.scalar()) === "attestation-manifest"
}

/** Reads the next value as a descriptor. Returns a descriptor without fields if the value is not an object. */
export const readRaw = (reader: JsonReader): RawDescriptor => {
  if (!reader.isObject) return {}
  const at = reader.fields(["mediatype", "digest", "size", "platform", "annotations"])
  const scalar = (position: number | undefined) => reader.at(position, () => reader.scalar())
  return {
    mediaType: scalar(at.mediatype),
    digest: scalar(at.digest),
    size: scalar(at.size),
    platform: reader.at(at.platform, () => readPlatform(reader)),
    isAttestation: reader.at(at.annotations, () => readIsAttestation(reader)) === true
  }
}

const isDigest = Schema.is(Digest)
const isSize = Schema.is(Size)

/**
 * Checks a descriptor and returns its fields. Unlike the specification, accepts a descriptor without a media type or a
 * size. Fails with the problem as a verb phrase, such as `has no digest`.
 */
export const decode = (raw: RawDescriptor): Result.Result<Descriptor, string> => {
  const mediaType = raw.mediaType ?? ""
  if (typeof mediaType !== "string") return Result.fail("has a mediaType that is not text")
  const digest = raw.digest ?? ""
  if (digest === "") return Result.fail("has no digest")
  if (!isDigest(digest)) return Result.fail("has a digest that is neither sha256 nor sha512")
  const size = raw.size ?? 0
  if (!isSize(size)) return Result.fail("has a size that is not a whole number of bytes")
  return Result.succeed({
    mediaType,
    digest,
    size: size === 0 && !emptyDigests.has(digest) ? undefined : size
  })
}
