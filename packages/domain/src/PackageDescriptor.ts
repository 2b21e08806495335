import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { layerCompression } from "@registry-packages-proxy/oci/MediaType"

/** The blob of a package: the last layer of its manifest. */
export interface PackageLayer {
  readonly layerDigest: Digest
  /** In bytes. */
  readonly size: number
}

/** A package as its manifest describes it: all that a response's headers need. */
export interface PackageDescriptor extends PackageLayer {
  readonly compression: "gzip" | "zstd"
  /** The requested digest is an index's, so that the layer depends on the platform. */
  readonly viaIndex: boolean
}

/** Describes the package that is this layer of a manifest. */
export const make = (
  layer: { readonly digest: Digest; readonly size: number; readonly mediaType: string },
  options: { readonly viaIndex: boolean }
): PackageDescriptor => ({
  layerDigest: layer.digest,
  size: layer.size,
  compression: layerCompression(layer.mediaType),
  viaIndex: options.viaIndex
})

/** Makes a verifier of the package's bytes. */
export const verifierOf = ({ layerDigest, size }: PackageLayer): DigestVerifier =>
  new DigestVerifier({ digest: layerDigest, size })
