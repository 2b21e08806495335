import { Schema } from "effect"
import { Platform } from "./Platform.ts"

/** The bytes are not a manifest or index as image-spec defines them. */
export class MalformedManifest extends Schema.TaggedError<MalformedManifest>()("MalformedManifest", {
  /** Follows a colon: `it has both layers and manifests`. */
  detail: Schema.String
}) {
  override get message(): string {
    return `the manifest cannot be read: ${this.detail}`
  }
}

/** A Docker schema 1 manifest. It is not supported: its digest does not cover all of its content. */
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

/** A manifest without layers, and so without a package. */
export class NoLayers extends Schema.TaggedError<NoLayers>()("NoLayers", {}) {
  override get message(): string {
    return "the image has no layers, so it contains no package"
  }
}

/** The last layer is foreign (Docker) or nondistributable (OCI), and the registry does not hold it. */
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
  /** The platforms that the index has, at most 16. */
  available: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const has = this.available.length === 0 ? "" : `; it has ${this.available.join(", ")}`
    return `the index has no manifest for ${this.platform}${has}`
  }
}

/** More nested indexes than are followed. */
export class IndexTooDeep extends Schema.TaggedError<IndexTooDeep>()("IndexTooDeep", {
  max: Schema.Int
}) {
  override get message(): string {
    return `more than ${this.max} indexes are nested in each other`
  }
}

/** An index whose child is the index itself, or an index that led to it. */
export class IndexLoop extends Schema.TaggedError<IndexLoop>()("IndexLoop", {}) {
  override get message(): string {
    return "the index leads back to itself"
  }
}

/** A manifest that gives no package. */
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
