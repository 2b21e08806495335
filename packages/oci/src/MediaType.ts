// Media types of manifests. Sources: OCI image-spec, media-types.md; Docker image manifest version 2, schema 2.
export const ociManifest = "application/vnd.oci.image.manifest.v1+json"
export const ociIndex = "application/vnd.oci.image.index.v1+json"
export const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
export const dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"

const manifestKinds: Readonly<Record<string, "manifest" | "index" | "schema1">> = {
  [ociManifest]: "manifest",
  [dockerManifest]: "manifest",
  [ociIndex]: "index",
  [dockerManifestList]: "index",
  "application/vnd.docker.distribution.manifest.v1+json": "schema1",
  "application/vnd.docker.distribution.manifest.v1+prettyjws": "schema1"
}

/** Returns the kind of document that a media type names. Undefined if the media type is unknown. */
export const manifestKind = (mediaType: string): "manifest" | "index" | "schema1" | undefined =>
  Object.hasOwn(manifestKinds, mediaType) ? manifestKinds[mediaType] : undefined

/** The value of the Accept header field in a manifest request. */
export const acceptManifests = [ociManifest, ociIndex, dockerManifest, dockerManifestList].join(", ")

/** Returns the media type of a Content-Type, without parameters and in lowercase (RFC 9110, section 8.3.1). */
export const essence = (contentType: string): string =>
  (contentType.split(";", 1)[0] ?? "").trim().toLowerCase()

/**
 * True if a layer with this media type is nondistributable (OCI) or foreign (Docker). A registry need not store such a
 * layer.
 */
export const isForeignLayer = (mediaType: string): boolean =>
  mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.") ||
  mediaType.startsWith("application/vnd.docker.image.rootfs.foreign.")

/** If the media type of a layer ends in `+zstd` or `.zstd`, returns `zstd`. Otherwise returns `gzip`. */
export const layerCompression = (mediaType: string): "gzip" | "zstd" =>
  mediaType.endsWith("+zstd") || mediaType.endsWith(".zstd") ? "zstd" : "gzip"
