import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Platform } from "@registry-packages-proxy/oci/Platform"

/**
 * Identifies a package. The platform selects a manifest of an image index. The platform has no effect if
 * `manifestDigest` is the digest of a plain manifest.
 */
export interface PackageKey {
  /** The digest of an image manifest or an image index. */
  readonly manifestDigest: Digest
  readonly platform: Platform
}
