import type { Digest, DigestAlgorithm } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import * as RegistryBlob from "./RegistryBlob.ts"

/** A layer of an image. A foreign one names `urls` and its blob is not put on the registry. */
export interface ImageLayer {
  readonly blob: RegistryBlob.RegistryBlob
  /** A gzipped tar in the image's format unless told. */
  readonly mediaType?: string
  readonly urls?: ReadonlyArray<string>
}

/** A manifest of any kind with everything it refers to, ready to be put on a registry. */
export interface RegistryImage {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly blobs: ReadonlyArray<RegistryBlob.RegistryBlob>
  readonly children: ReadonlyArray<RegistryImage>
  /** The package: the last layer's blob. Undefined for an index and for what has no layers. */
  readonly layer: RegistryBlob.RegistryBlob | undefined
}

interface Options {
  readonly format?: "oci" | "docker"
  readonly algorithm?: DigestAlgorithm
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

/** Any bytes as a manifest: for what no well-behaved tool would push. */
export const raw = (
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

/** An image of these layers; the last one is the package. */
export const image = (layers: ReadonlyArray<ImageLayer>, options: Options = {}): RegistryImage => {
  const { algorithm = "sha256", format = "oci" } = options
  const mediaType = format === "oci" ? MediaType.ociManifest : MediaType.dockerManifest
  const config = RegistryBlob.fromBytes(
    encode({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
    algorithm
  )
  const document = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: configTypes[format], digest: config.digest, size: config.size },
    layers: layers.map(({ blob, mediaType = layerTypes[format], urls }) => ({
      mediaType,
      digest: blob.digest,
      size: blob.size,
      ...(urls === undefined ? {} : { urls })
    }))
  }
  const held = layers.filter(({ urls }) => urls === undefined).map(({ blob }) => blob)
  return {
    ...raw(encode(document), { mediaType, algorithm }),
    blobs: [config, ...held],
    layer: layers.at(-1)?.blob
  }
}

/** An image whose only layer is this package. */
export const ofPackage = (
  content: Uint8Array | RegistryBlob.RegistryBlob,
  options: Options & { readonly mediaType?: string } = {}
): RegistryImage => {
  const { mediaType, ...rest } = options
  const blob = content instanceof Uint8Array ? RegistryBlob.fromBytes(content, options.algorithm) : content
  return image([{ blob, ...(mediaType === undefined ? {} : { mediaType }) }], rest)
}

/** An index or manifest list; platforms are `os/architecture` with an optional `/variant`, or none at all. */
export const index = (
  children: ReadonlyArray<{ readonly image: RegistryImage; readonly platform?: string }>,
  options: Options = {}
): RegistryImage => {
  const { algorithm = "sha256", format = "oci" } = options
  const mediaType = format === "oci" ? MediaType.ociIndex : MediaType.dockerManifestList
  const manifests = children.map(({ image, platform }) => {
    const [os, architecture, variant] = platform?.split("/") ?? []
    return {
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.bytes.length,
      ...(platform === undefined ? {} : { platform: { os, architecture, ...(variant && { variant }) } })
    }
  })
  return {
    ...raw(encode({ schemaVersion: 2, mediaType, manifests }), { mediaType, algorithm }),
    children: children.map(({ image }) => image)
  }
}

/** A Docker schema 1 manifest, which names its layers another way and is refused. */
export const schema1 = (layer: RegistryBlob.RegistryBlob): RegistryImage => ({
  ...raw(
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

/** An image whose last layer the registry is not meant to hold. */
export const foreign = (layer: RegistryBlob.RegistryBlob, options: Options = {}): RegistryImage => {
  const mediaType =
    options.format === "docker"
      ? "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
      : "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
  return image([{ blob: layer, mediaType, urls: ["https://elsewhere.invalid/layer"] }], options)
}
