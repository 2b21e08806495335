/** Media types of manifests. Sources: OCI image-spec media-types.md; Docker image manifest v2, schema 2. */
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

/** What a manifest's media type says it is; undefined for types this program does not know. */
export const manifestKind = (mediaType: string): "manifest" | "index" | "schema1" | undefined =>
  Object.hasOwn(manifestKinds, mediaType) ? manifestKinds[mediaType] : undefined

/** The `Accept` value of a manifest request. */
export const acceptManifests = [ociManifest, ociIndex, dockerManifest, dockerManifestList].join(", ")

/** A media type without parameters, in lowercase (RFC 9110, section 8.3.1). */
export const essence = (contentType: string): string =>
  (contentType.split(";", 1)[0] ?? "").trim().toLowerCase()

/** Layers whose bytes the registry is not meant to hold: nondistributable (OCI) and foreign (Docker). */
export const isForeignLayer = (mediaType: string): boolean =>
  mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.") ||
  mediaType.startsWith("application/vnd.docker.image.rootfs.foreign.")

/** How a layer's blob is compressed, as far as its media type tells; everything but zstd is taken for gzip. */
export const layerCompression = (mediaType: string): "gzip" | "zstd" =>
  mediaType.endsWith("+zstd") || mediaType.endsWith(".zstd") ? "zstd" : "gzip"
