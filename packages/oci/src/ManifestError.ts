import { Schema } from "effect"
import { Platform } from "./Platform.ts"

/** The bytes are not a manifest or index as image-spec defines them. */
export class MalformedManifest extends Schema.TaggedError<MalformedManifest>()("MalformedManifest", {
  /** The problem, as a clause, such as `it has both layers and manifests`. */
  detail: Schema.String
}) {
  override get message(): string {
    return `the manifest cannot be read: ${this.detail}`
  }
}

/** A Docker schema 1 manifest. It is not supported, because its digest does not cover all of its content. */
export class SchemaVersion1 extends Schema.TaggedError<SchemaVersion1>()("SchemaVersion1", {}) {
  override get message(): string {
    return "the manifest is Docker schema 1, which is not supported; accepted are OCI and Docker schema 2"
  }
}

/** A document with neither layers nor manifests, and with an unknown media type. */
export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()("UnsupportedMediaType", {
  mediaType: Schema.String
}) {
  override get message(): string {
    return `the manifest's media type is not supported: ${this.mediaType}; accepted are OCI and Docker schema 2`
  }
}

/** A manifest without layers. Such a manifest contains no package. */
export class NoLayers extends Schema.TaggedError<NoLayers>()("NoLayers", {}) {
  override get message(): string {
    return "the image has no layers, so it contains no package"
  }
}

/** The last layer is foreign (Docker) or nondistributable (OCI), and the registry does not have it. */
export class ForeignLayer extends Schema.TaggedError<ForeignLayer>()("ForeignLayer", {
  mediaType: Schema.String
}) {
  override get message(): string {
    return `the registry does not hold the last layer, which is foreign: ${this.mediaType}`
  }
}

/** The index has no manifest for the platform. */
export class PlatformNotFound extends Schema.TaggedError<PlatformNotFound>()("PlatformNotFound", {
  platform: Platform,
  /** The platforms of the index's manifests, at most 16. */
  available: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const has = this.available.length === 0 ? "" : `; it has ${this.available.join(", ")}`
    return `the index has no manifest for ${this.platform}${has}`
  }
}

/** More than `max` indexes are nested in each other. */
export class IndexTooDeep extends Schema.TaggedError<IndexTooDeep>()("IndexTooDeep", {
  max: Schema.Int
}) {
  override get message(): string {
    return `more than ${this.max} indexes are nested in each other`
  }
}

/** The chosen child of an index is that index itself, or one of its outer indexes. */
export class IndexLoop extends Schema.TaggedError<IndexLoop>()("IndexLoop", {}) {
  override get message(): string {
    return "the index leads back to itself"
  }
}

/** No package can be read from the manifest or index. */
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
}) {
  override get message(): string {
    return this.reason.message
  }
}
