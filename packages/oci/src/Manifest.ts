import { Result } from "effect"
import * as Descriptor from "./Descriptor.ts"
import type { Digest } from "./Digest.ts"
import { JsonReader, maxDepth, NotJson, type Scalar } from "./internal/JsonReader.ts"
import {
  IndexLoop,
  IndexTooDeep,
  MalformedManifest,
  ManifestError,
  NoLayers,
  PlatformNotFound,
  SchemaVersion1,
  UnsupportedMediaType
} from "./ManifestError.ts"
import * as MediaType from "./MediaType.ts"
import * as Platform from "./Platform.ts"

/** An image manifest (OCI, or Docker schema 2). Contains only the last layer, since a pull needs no other layer. */
export interface ImageManifest {
  readonly _tag: "ImageManifest"
  /** Undefined if there are no layers. */
  readonly lastLayer: Descriptor.RawDescriptor | undefined
}

/** An image index (OCI) or manifest list (Docker). */
export interface ImageIndex {
  readonly _tag: "ImageIndex"
  readonly manifests: ReadonlyArray<Descriptor.RawDescriptor>
}

/** The maximum nesting depth of the JSON of a manifest or an index. */
export const maxJsonDepth = maxDepth

/** The maximum number of manifests in an index. */
export const maxChildren = 10_000

/** The maximum number of indexes that are nested in each other, including the outermost index. */
export const maxNestedIndexes = 4

type Layers = "absent" | "malformed" | { readonly last: Descriptor.RawDescriptor | undefined }
type Manifests = "absent" | "malformed" | "too many" | ReadonlyArray<Descriptor.RawDescriptor>

/** The fields that distinguish a manifest from an index. `absent` means that a field is missing or null. */
interface TopFields {
  readonly schemaVersion: Scalar | undefined
  readonly mediaType: Scalar | undefined
  readonly hasFsLayers: boolean
  readonly layers: Layers
  readonly manifests: Manifests
}

const fail = (reason: ManifestError["reason"]) => Result.fail(new ManifestError({ reason }))
const malformed = (detail: string) => fail(new MalformedManifest({ detail }))

/** Reads a value that is not an array. Returns `absent` for null, else `malformed`. */
const notArray = (reader: JsonReader): "absent" | "malformed" =>
  reader.scalar() === null ? "absent" : "malformed"

const readLayers = (reader: JsonReader): Layers => {
  if (!reader.isArray) return notArray(reader)
  let last: number | undefined
  reader.array((position) => {
    last = position
  })
  return { last: reader.at(last, () => Descriptor.readRaw(reader)) }
}

const readManifests = (reader: JsonReader): Manifests => {
  if (!reader.isArray) return notArray(reader)
  const manifests: Array<Descriptor.RawDescriptor> = []
  let count = 0
  reader.array((position) => {
    const manifest = ++count > maxChildren ? undefined : reader.at(position, () => Descriptor.readRaw(reader))
    if (manifest !== undefined) manifests.push(manifest)
  })
  return count > maxChildren ? "too many" : manifests
}

const readTopFields = (bytes: Uint8Array): TopFields | undefined => {
  try {
    const reader = new JsonReader(bytes)
    const at = reader.fields(["schemaversion", "mediatype", "fslayers", "layers", "manifests"])
    reader.end()
    const scalar = (position: number | undefined) => reader.at(position, () => reader.scalar())
    return {
      schemaVersion: scalar(at.schemaversion),
      mediaType: scalar(at.mediatype),
      hasFsLayers: (scalar(at.fslayers) ?? null) !== null,
      layers: reader.at(at.layers, () => readLayers(reader)) ?? "absent",
      manifests: reader.at(at.manifests, () => readManifests(reader)) ?? "absent"
    }
  } catch (error) {
    if (error instanceof NotJson) return undefined
    throw error
  }
}

type Kind = ReturnType<typeof MediaType.manifestKind>

const manifestOf = (layers: Layers): Result.Result<ImageManifest, ManifestError> =>
  layers === "malformed"
    ? malformed("its layers are not a list")
    : Result.succeed({ _tag: "ImageManifest", lastLayer: layers === "absent" ? undefined : layers.last })

const indexOf = (manifests: Manifests): Result.Result<ImageIndex, ManifestError> => {
  switch (manifests) {
    case "malformed":
      return malformed("its manifests are not a list")
    case "too many":
      return malformed(`it names more than ${maxChildren} manifests`)
    case "absent":
      return Result.succeed({ _tag: "ImageIndex", manifests: [] })
    default:
      return Result.succeed({ _tag: "ImageIndex", manifests })
  }
}

/**
 * Parses the bytes of a manifest or an index. Reads only the last layer of a manifest, and the children of an index.
 * All other fields may be any JSON.
 *
 * A document with `layers` is a manifest, and a document with `manifests` is an index. If a document has neither field,
 * its `mediaType` decides. If it has no `mediaType` either, the Content-Type decides. Fails if a document has both
 * fields, because clients could disagree whether it is a manifest or an index. Fails if the `mediaType` contradicts the
 * other fields.
 */
export const parse = (
  bytes: Uint8Array,
  contentType: string | undefined
): Result.Result<ImageManifest | ImageIndex, ManifestError> => {
  const fields = readTopFields(bytes)
  if (fields === undefined) {
    return malformed(`it is not a JSON object, or nested more than ${maxJsonDepth} deep`)
  }
  const { hasFsLayers, layers, manifests, schemaVersion } = fields
  const own = typeof fields.mediaType === "string" ? fields.mediaType : ""
  const ownKind = MediaType.manifestKind(own)
  const isBare = layers === "absent" && manifests === "absent"
  if ((schemaVersion === 1 && isBare) || hasFsLayers || ownKind === "schema1") {
    return fail(new SchemaVersion1({}))
  }
  if (layers !== "absent" && manifests !== "absent") return malformed("it has both layers and manifests")
  const shape: Kind = layers !== "absent" ? "manifest" : manifests !== "absent" ? "index" : undefined
  if (shape !== undefined && ownKind !== undefined && shape !== ownKind) {
    return malformed(
      `its mediaType says ${ownKind}, but it is ${shape === "index" ? "an index" : "a manifest"}`
    )
  }
  const label = own !== "" ? own : contentType === undefined ? "none" : MediaType.essence(contentType)
  switch (shape ?? MediaType.manifestKind(label)) {
    case "schema1":
      return fail(new SchemaVersion1({}))
    case "manifest":
      return manifestOf(layers)
    case "index":
      return indexOf(manifests)
    default:
      return fail(new UnsupportedMediaType({ mediaType: label }))
  }
}

const decode = (
  raw: Descriptor.RawDescriptor,
  name: string
): Result.Result<Descriptor.Descriptor, ManifestError> =>
  Result.mapError(
    Descriptor.decode(raw),
    (problem) => new ManifestError({ reason: new MalformedManifest({ detail: `${name} ${problem}` }) })
  )

/**
 * Returns the last layer of an image. This layer is the package. It may be foreign. Fails with `NoLayers` if the image
 * has no layers, and with `MalformedManifest` if the descriptor of the layer is invalid.
 */
export const packageLayer = (manifest: ImageManifest): Result.Result<Descriptor.Descriptor, ManifestError> =>
  manifest.lastLayer === undefined ? fail(new NoLayers({})) : decode(manifest.lastLayer, "its last layer")

/**
 * True if a child names no platform but may be an image. The child must have a digest, and must not be an attestation.
 * Its media type must be absent, or that of a manifest or index.
 */
const mayBeImage = ({ digest, isAttestation, mediaType, platform }: Descriptor.RawDescriptor): boolean =>
  platform === undefined &&
  digest !== undefined &&
  isAttestation !== true &&
  (typeof mediaType !== "string" || mediaType === "" || MediaType.manifestKind(mediaType) !== undefined)

const available = (index: ImageIndex): ReadonlyArray<string> => {
  const names = new Set<string>()
  for (const { platform } of index.manifests) {
    if (platform !== undefined && platform.os !== "unknown") names.add(Platform.describe(platform))
    if (names.size === 16) break
  }
  return [...names]
}

/**
 * Returns the child of `index` that has the smallest {@link Platform.rank} for `platform`. Of children with equal
 * ranks, returns the first. If no child has a rank, returns the first child that may be an image and names no platform.
 * Fails with `PlatformNotFound` if there is no such child. Source: containerd, images.Manifest.
 */
export const childForPlatform = (
  index: ImageIndex,
  platform: Platform.Platform
): Result.Result<Descriptor.Descriptor, ManifestError> => {
  let best: Descriptor.RawDescriptor | undefined
  let bestRank = Number.POSITIVE_INFINITY
  for (const child of index.manifests) {
    const rank = child.platform === undefined ? undefined : Platform.rank(platform, child.platform)
    if (rank !== undefined && rank < bestRank) {
      best = child
      bestRank = rank
    }
  }
  const child = best ?? index.manifests.find(mayBeImage)
  return child === undefined
    ? fail(new PlatformNotFound({ platform, available: available(index) }))
    : decode(child, `its manifest for ${platform}`)
}

/**
 * The chosen child of an index. `indexes` are the digests of all indexes that contain the child, the outermost first.
 */
export interface ResolvedChild {
  readonly child: Descriptor.Descriptor
  readonly indexes: ReadonlyArray<Digest>
}

/**
 * Chooses the child of an index for `platform`. The child may be an index too. Fails if more than {@link
 * maxNestedIndexes} indexes are nested, or if an index contains itself. `indexes` are the digests of the indexes that
 * contain `index`, the outermost first.
 */
export const resolveChild = (
  indexes: ReadonlyArray<Digest>,
  index: ImageIndex,
  indexDigest: Digest,
  platform: Platform.Platform
): Result.Result<ResolvedChild, ManifestError> =>
  Result.flatMap(childForPlatform(index, platform), (child) => {
    const path = [...indexes, indexDigest]
    if (path.includes(child.digest)) return fail(new IndexLoop({}))
    const isLast = path.length === maxNestedIndexes && MediaType.manifestKind(child.mediaType) === "index"
    if (isLast || path.length > maxNestedIndexes) return fail(new IndexTooDeep({ max: maxNestedIndexes }))
    return Result.succeed({ child, indexes: path })
  })
