import type { Scope } from "effect"
import type { BlobVersion } from "../../Blob.ts"
import type { BlobStore } from "../../BlobStore.ts"
import type { MemoryTier } from "./MemoryTier.ts"

/** State that `Fills` and `CachedPackages` share. */
export interface SharedCacheState {
  readonly store: BlobStore["Service"]
  readonly memory: MemoryTier
  /** The versions that this process has verified since it started. */
  readonly verified: WeakSet<BlobVersion>
  /** Ends when the cache stops. Fills and verifications run in this scope, because many callers share them. */
  readonly cacheScope: Scope.Scope
}
