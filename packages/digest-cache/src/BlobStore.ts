import { Context, type Effect, type FileSystem, Layer, type Option, type Path, type Scope } from "effect"
import type { BlobStoreError, BlobWriter, OpenBlob, StoredBlob } from "./Blob.ts"
import type { BlobName } from "./BlobName.ts"
import type { PackageKey } from "./PackageKey.ts"
import * as DiskStore from "./internal/disk/DiskStore.ts"
import * as MemoryStore from "./internal/memory/MemoryStore.ts"
import type { StoreHealth } from "./StoreHealth.ts"

/**
 * The storage of a `DigestCache`, which verifies all bytes itself. To store packages elsewhere, implement this service
 * and run testkit's `BlobStoreSuite`.
 */
export class BlobStore extends Context.Service<
  BlobStore,
  {
    /** Finds the blob of a key. The blob of a manifest has every platform, the blob of an index only its own. */
    readonly find: (key: PackageKey) => Effect.Effect<Option.Option<StoredBlob>, BlobStoreError>
    /** True if a blob of this size, in bytes, would fit into an otherwise empty store. */
    readonly admits: (size: number) => boolean
    /**
     * Reserves space for a blob of this size, in bytes, and evicts blobs for it that are not open. None, without
     * evicting, if that is not enough.
     */
    readonly reserve: (size: number) => Effect.Effect<Option.Option<BlobWriter>, BlobStoreError, Scope.Scope>
    /** Opens a blob until the scope ends. None if it was removed. */
    readonly open: (blob: StoredBlob) => Effect.Effect<Option.Option<OpenBlob>, BlobStoreError, Scope.Scope>
    /** Records a use of the blob of a key. Called for each response, also from memory, and so must not wait. */
    readonly touch: (key: PackageKey) => void
    /** Removes a blob from the index. Callers that have it open can still read it. */
    readonly remove: (blob: StoredBlob) => Effect.Effect<void>
    /** The names of all blobs, the least recently used first. */
    readonly list: Effect.Effect<ReadonlyArray<BlobName>, BlobStoreError>
    /** The cache reports its failures and successes here; the store reports those of its background work. */
    readonly health: StoreHealth
  }
>()("@registry-packages-proxy/digest-cache/BlobStore") {
  /**
   * Stores blobs as files, which survive a restart. Creates the directory if it does not exist. `cap` is the hard limit
   * of bytes on disk.
   */
  static readonly layerFileSystem = (options: {
    readonly directory: string
    readonly cap: number
  }): Layer.Layer<BlobStore, never, FileSystem.FileSystem | Path.Path> =>
    Layer.effect(BlobStore, DiskStore.make(options))

  /** Stores at most `cap` bytes of blobs in memory until the layer ends. */
  static readonly layerMemory = (options: { readonly cap: number }): Layer.Layer<BlobStore> =>
    Layer.sync(BlobStore, () => MemoryStore.make(options))
}
