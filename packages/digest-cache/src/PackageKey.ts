import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Platform } from "@registry-packages-proxy/oci/Platform"

/**
 * Identifies a package. The platform selects the image of an image index; a plain manifest has one for all platforms.
 */
export interface PackageKey {
  /** The digest of an image's manifest, or of an index. */
  readonly manifestDigest: Digest
  readonly platform: Platform
}
