import { Option, Result, Schema } from "effect"
import { ChildDescriptor, Descriptor } from "./Descriptor.ts"
import {
  MalformedManifest,
  ManifestError,
  NoLayers,
  PlatformNotFound,
  SchemaVersion1,
  UnsupportedMediaType
} from "./ManifestError.ts"
import * as MediaType from "./MediaType.ts"
import * as Platform from "./Platform.ts"

/** An image manifest (OCI, or Docker schema 2), reduced to what a pull needs. */
export interface ImageManifest {
  readonly _tag: "ImageManifest"
  readonly layers: ReadonlyArray<Descriptor>
}

/** An image index (OCI) or manifest list (Docker). */
export interface ImageIndex {
  readonly _tag: "ImageIndex"
  readonly manifests: ReadonlyArray<ChildDescriptor>
}

const Envelope = Schema.Struct({
  schemaVersion: Schema.Unknown.pipe(Schema.optionalKey),
  mediaType: Schema.optionalKey(Schema.NullOr(Schema.String)),
  layers: Schema.Unknown.pipe(Schema.optionalKey),
  manifests: Schema.Unknown.pipe(Schema.optionalKey),
  fsLayers: Schema.Unknown.pipe(Schema.optionalKey)
})

const decodeEnvelope = Schema.decodeUnknownOption(Envelope)
const decodeLayers = Schema.decodeUnknownResult(Schema.Array(Descriptor))
const decodeChildren = Schema.decodeUnknownResult(Schema.Array(ChildDescriptor))

const fail = (reason: ManifestError["reason"]) => Result.fail(new ManifestError({ reason }))

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const parseJson = (bytes: Uint8Array): Option.Option<unknown> => {
  try {
    return decodeJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    return Option.none()
  }
}

type Kind = ReturnType<typeof MediaType.manifestKind>

const kindByShape = (envelope: typeof Envelope.Type): Kind =>
  envelope.manifests !== undefined ? "index" : envelope.layers !== undefined ? "manifest" : undefined

/**
 * Reads a manifest's bytes. The document's own `mediaType` decides what it is, then the Content-Type it came with,
 * then its shape (image-spec makes `mediaType` optional). A document that could be read as both is refused, since
 * two readers would disagree on it.
 */
export const parse = (
  bytes: Uint8Array,
  contentType: string | undefined
): Result.Result<ImageManifest | ImageIndex, ManifestError> => {
  const json = Option.flatMap(parseJson(bytes), decodeEnvelope)
  if (Option.isNone(json)) {
    return fail(new MalformedManifest({ detail: "it is not a JSON object of the expected shape" }))
  }
  const envelope = json.value
  if (envelope.schemaVersion === 1 || envelope.fsLayers !== undefined) return fail(new SchemaVersion1({}))
  if (envelope.layers !== undefined && envelope.manifests !== undefined) {
    return fail(new MalformedManifest({ detail: "it has both layers and manifests" }))
  }
  const declared =
    envelope.mediaType ?? (contentType === undefined ? undefined : MediaType.essence(contentType))
  const declaredKind = declared === undefined ? undefined : MediaType.manifestKind(declared)
  if (typeof envelope.mediaType === "string" && envelope.mediaType !== "" && declaredKind === undefined) {
    return fail(new UnsupportedMediaType({ mediaType: envelope.mediaType }))
  }
  switch (declaredKind ?? kindByShape(envelope)) {
    case "schema1":
      return fail(new SchemaVersion1({}))
    case "manifest":
      return Result.match(decodeLayers(envelope.layers ?? []), {
        onSuccess: (layers) => Result.succeed<ImageManifest>({ _tag: "ImageManifest", layers }),
        onFailure: () => fail(new MalformedManifest({ detail: "a layer is not a valid descriptor" }))
      })
    case "index":
      return Result.match(decodeChildren(envelope.manifests ?? []), {
        onSuccess: (manifests) => Result.succeed<ImageIndex>({ _tag: "ImageIndex", manifests }),
        onFailure: () =>
          fail(new MalformedManifest({ detail: "a manifest in the index is not a valid descriptor" }))
      })
    default:
      return fail(new UnsupportedMediaType({ mediaType: declared ?? "none" }))
  }
}

/** The package: the last layer of an image manifest, whatever its media type says of where its bytes are. */
export const packageLayer = (manifest: ImageManifest): Result.Result<Descriptor, ManifestError> => {
  const layer = manifest.layers.at(-1)
  if (layer === undefined) return fail(new NoLayers({}))
  return Result.succeed(layer)
}

/** The child of an index that is meant for `platform`: the first that matches, as image-spec says. */
export const childFor = (
  index: ImageIndex,
  platform: Platform.Platform
): Result.Result<ChildDescriptor, ManifestError> => {
  const child = index.manifests.find(
    (child) => child.platform != null && Platform.matches(platform, child.platform)
  )
  if (child !== undefined) return Result.succeed(child)
  const available = index.manifests.flatMap((child) =>
    child.platform == null ? [] : [Platform.format(child.platform)]
  )
  return fail(new PlatformNotFound({ platform, available: [...new Set(available)].slice(0, 16) }))
}
