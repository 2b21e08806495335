import type { Scope } from "effect"
import type { BlobVersion } from "../../Blob.ts"
import type { BlobStore } from "../../BlobStore.ts"
import type { MemoryTier } from "./MemoryTier.ts"

/** State that `Fills` and `CachedPackages` share. */
export interface CacheParts {
  readonly store: BlobStore["Service"]
  readonly memory: MemoryTier
  /** The versions that this process has verified. */
  readonly verified: WeakSet<BlobVersion>
  /** Ends with the cache. Fills and verifications run in it, since many callers share them. */
  readonly cacheScope: Scope.Scope
}
