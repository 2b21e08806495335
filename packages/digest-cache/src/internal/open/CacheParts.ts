import type { Scope } from "effect"
import type { BlobVersion } from "../../Blob.ts"
import type { BlobStore } from "../../BlobStore.ts"
import type { MemoryTier } from "./MemoryTier.ts"

/** The parts of a cache that its fills and its hits share. */
export interface CacheParts {
  readonly store: BlobStore["Service"]
  readonly memory: MemoryTier
  /** What was hashed in this process and was right. */
  readonly verified: WeakSet<BlobVersion>
  /** Ends with the cache: what runs for all who read runs in it. */
  readonly cacheScope: Scope.Scope
}
