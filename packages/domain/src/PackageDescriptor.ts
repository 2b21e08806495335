import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import { layerCompression } from "@registry-packages-proxy/oci/MediaType"

/** The last layer of a package's manifest. The blob of this layer is the package. */
export interface PackageLayer {
  readonly layerDigest: Digest
  /** The size of the blob, in bytes. */
  readonly size: number
}

/** The properties of a package that the headers of a response need. They come from the package's manifest. */
export interface PackageDescriptor extends PackageLayer {
  readonly compression: "gzip" | "zstd"
  /** True if the requested digest is the digest of an image index. The layer then depends on the platform. */
  readonly viaIndex: boolean
}

/** Makes the descriptor of the package whose layer is `layer`. */
export const make = (
  layer: { readonly digest: Digest; readonly size: number; readonly mediaType: string },
  options: { readonly viaIndex: boolean }
): PackageDescriptor => ({
  layerDigest: layer.digest,
  size: layer.size,
  compression: layerCompression(layer.mediaType),
  viaIndex: options.viaIndex
})

/** Makes a verifier for the bytes of the package. */
export const verifierOf = ({ layerDigest, size }: PackageLayer): DigestVerifier =>
  new DigestVerifier({ digest: layerDigest, size })
