import type { Digest, DigestAlgorithm } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as RegistryBlob from "./RegistryBlob.ts"

/** A layer to put into an image. A layer with `urls` is foreign, so its blob is not added to the registry. */
export interface ImageLayer {
  readonly blob: RegistryBlob.RegistryBlob
  /** Default: the media type of a gzipped tar layer in the image's format, OCI or Docker. */
  readonly mediaType?: string
  readonly urls?: ReadonlyArray<string>
  /** Overrides fields of the layer's descriptor. `undefined` removes a field. */
  readonly descriptor?: JsonFields
}

/** Fields of a JSON object, by name. */
export type JsonFields = Readonly<Record<string, unknown>>

/**
 * An entry of an index. With `image`, the entry is a descriptor of this image. With `json`, it is any JSON value, valid
 * or not.
 */
export type IndexEntry =
  | {
      readonly image: RegistryImage
      /** `os/architecture[/variant]`. Default: the entry has no platform. */
      readonly platform?: string
      readonly descriptor?: JsonFields
    }
  | { readonly json: unknown }

/** A manifest or an index, with everything it refers to. */
export interface RegistryImage {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly blobs: ReadonlyArray<RegistryBlob.RegistryBlob>
  readonly children: ReadonlyArray<RegistryImage>
  /**
   * The package. It is the blob of the last layer. Undefined for an index and for an image without layers. Also
   * undefined for an image from `ofBytes` or `schema1`.
   */
  readonly layer: RegistryBlob.RegistryBlob | undefined
}

interface Options {
  readonly format?: "oci" | "docker"
  readonly algorithm?: DigestAlgorithm
  /** Overrides fields of the manifest or index. `undefined` removes a field. */
  readonly fields?: JsonFields
}

const encode = (document: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(document, null, 2))

const layerTypes = {
  oci: "application/vnd.oci.image.layer.v1.tar+gzip",
  docker: "application/vnd.docker.image.rootfs.diff.tar.gzip"
}
const configTypes = {
  oci: "application/vnd.oci.image.config.v1+json",
  docker: "application/vnd.docker.container.image.v1+json"
}

/** Makes a manifest from any bytes, valid or not. The default media type is that of an OCI image manifest. */
export const ofBytes = (
  bytes: Uint8Array | string,
  options: { readonly mediaType?: string; readonly algorithm?: DigestAlgorithm } = {}
): RegistryImage => {
  const content = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes
  return {
    digest: digestOf(content, options.algorithm),
    mediaType: options.mediaType ?? MediaType.ociManifest,
    bytes: content,
    blobs: [],
    children: [],
    layer: undefined
  }
}

/** Makes an image with these layers. The last layer is the package. */
export const image = (layers: ReadonlyArray<ImageLayer>, options: Options = {}): RegistryImage => {
  const { algorithm = "sha256", fields, format = "oci" } = options
  const mediaType = format === "oci" ? MediaType.ociManifest : MediaType.dockerManifest
  const config = RegistryBlob.fromBytes(
    encode({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
    algorithm
  )
  const document = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: configTypes[format], digest: config.digest, size: config.size },
    layers: layers.map(({ blob, descriptor, mediaType = layerTypes[format], urls }) => ({
      mediaType,
      digest: blob.digest,
      size: blob.size,
      urls,
      ...descriptor
    })),
    ...fields
  }
  const held = layers.filter(({ urls }) => urls === undefined).map(({ blob }) => blob)
  return {
    ...ofBytes(encode(document), { mediaType, algorithm }),
    blobs: [config, ...held],
    layer: layers.at(-1)?.blob
  }
}

/** Makes an image whose only layer is this package. */
export const ofPackage = (
  content: Uint8Array | RegistryBlob.RegistryBlob,
  options: Options & { readonly mediaType?: string } = {}
): RegistryImage => {
  const { mediaType, ...rest } = options
  const blob = content instanceof Uint8Array ? RegistryBlob.fromBytes(content, options.algorithm) : content
  return image([{ blob, ...(mediaType === undefined ? {} : { mediaType }) }], rest)
}

/** Makes an OCI image index, or a Docker manifest list if `format` is `docker`. */
export const index = (children: ReadonlyArray<IndexEntry>, options: Options = {}): RegistryImage => {
  const { algorithm = "sha256", fields, format = "oci" } = options
  const mediaType = format === "oci" ? MediaType.ociIndex : MediaType.dockerManifestList
  const manifests = children.map((child) => {
    if ("json" in child) return child.json
    const { descriptor, image, platform } = child
    const [os, architecture, variant] = platform?.split("/") ?? []
    return {
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.bytes.length,
      platform: platform === undefined ? undefined : { os, architecture, variant },
      ...descriptor
    }
  })
  return {
    ...ofBytes(encode({ schemaVersion: 2, mediaType, manifests, ...fields }), { mediaType, algorithm }),
    children: children.flatMap((child) => ("json" in child ? [] : [child.image]))
  }
}

/** Wraps an image in `depth` nested indexes. Each index has one entry, for `platform`. */
export const inNestedIndexes = (image: RegistryImage, platform: string, depth: number): RegistryImage =>
  depth === 0 ? image : index([{ image: inNestedIndexes(image, platform, depth - 1), platform }])

/** Makes a Docker manifest of the obsolete schema 1. A RegistryClient rejects it with `SchemaVersion1`. */
export const schema1 = (layer: RegistryBlob.RegistryBlob): RegistryImage => ({
  ...ofBytes(
    encode({
      schemaVersion: 1,
      name: "package",
      tag: "latest",
      architecture: "amd64",
      fsLayers: [{ blobSum: layer.digest }],
      history: [{ v1Compatibility: "{}" }]
    }),
    { mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" }
  ),
  blobs: [layer]
})

/**
 * Makes an image whose only layer is foreign (non-distributable). The registry does not have the blob of this layer.
 */
export const withForeignLayer = (layer: RegistryBlob.RegistryBlob, options: Options = {}): RegistryImage => {
  const mediaType =
    options.format === "docker"
      ? "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
      : "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
  return image([{ blob: layer, mediaType, urls: ["https://elsewhere.invalid/layer"] }], options)
}
