import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { layerCompression } from "@registry-packages-proxy/oci/MediaType"

/**
 * What is known of a package once its manifest was read: everything a response's headers need, without its bytes.
 *
 * `viaIndex` tells that the requested digest was an index's, so that the answer depends on the platform.
 */
export interface PackageDescriptor {
  /** The last layer's digest. */
  readonly digest: Digest
  /** The last layer's size in bytes. */
  readonly size: number
  readonly compression: "gzip" | "zstd"
  readonly viaIndex: boolean
}

export const make = (
  layer: { readonly digest: Digest; readonly size: number; readonly mediaType: string },
  options: { readonly viaIndex: boolean }
): PackageDescriptor => ({
  digest: layer.digest,
  size: layer.size,
  compression: layerCompression(layer.mediaType),
  viaIndex: options.viaIndex
})
