import { Schema } from "effect"
import { Platform } from "./Platform.ts"

/** The bytes are not a manifest or index of the shape image-spec gives. */
export class MalformedManifest extends Schema.TaggedError<MalformedManifest>()("MalformedManifest", {
  detail: Schema.String
}) {}

/** A Docker schema 1 manifest: its digest does not cover what it describes, so it is not supported. */
export class SchemaVersion1 extends Schema.TaggedError<SchemaVersion1>()("SchemaVersion1", {}) {}

/** A document that is neither manifest nor index by its shape, of a media type this program does not know. */
export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()("UnsupportedMediaType", {
  mediaType: Schema.String
}) {}

/** A manifest with an empty list of layers: there is no package in it. */
export class NoLayers extends Schema.TaggedError<NoLayers>()("NoLayers", {}) {}

/** The last layer is foreign or nondistributable, and the registry does not hold it. */
export class ForeignLayer extends Schema.TaggedError<ForeignLayer>()("ForeignLayer", {
  mediaType: Schema.String
}) {}

/** The index has no child for the platform; at most 16 that it has are named. */
export class PlatformNotFound extends Schema.TaggedError<PlatformNotFound>()("PlatformNotFound", {
  platform: Platform,
  available: Schema.Array(Schema.String)
}) {}

/** More indexes in each other than are followed. */
export class IndexTooDeep extends Schema.TaggedError<IndexTooDeep>()("IndexTooDeep", {
  max: Schema.Int
}) {}

/** An index that leads back to itself. */
export class IndexLoop extends Schema.TaggedError<IndexLoop>()("IndexLoop", {}) {}

/** A manifest that gives no package, and why. */
export class ManifestError extends Schema.TaggedError<ManifestError>()("ManifestError", {
  reason: Schema.Union([
    MalformedManifest,
    SchemaVersion1,
    UnsupportedMediaType,
    NoLayers,
    ForeignLayer,
    PlatformNotFound,
    IndexTooDeep,
    IndexLoop
  ])
}) {}
