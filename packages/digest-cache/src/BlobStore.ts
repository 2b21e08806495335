import { Context, type Effect, type FileSystem, Layer, type Option, type Path, type Scope } from "effect"
import type { BlobStoreError, BlobWriter, OpenBlob, StoredBlob } from "./Blob.ts"
import type { BlobName } from "./BlobName.ts"
import type { PackageKey } from "./DigestCache.ts"
import * as DiskStore from "./internal/disk/DiskStore.ts"
import * as MemoryStore from "./internal/memory/MemoryStore.ts"
import type { StoreHealth } from "./StoreHealth.ts"

/**
 * Keeps blobs for a `DigestCache`, which hashes what it reads and writes. To keep packages elsewhere, implement this and
 * run testkit's `BlobStoreSuite`.
 */
export class BlobStore extends Context.Service<
  BlobStore,
  {
    /** The blob that answers a key: a manifest's for every platform, an index's for its own. */
    readonly find: (key: PackageKey) => Effect.Effect<Option.Option<StoredBlob>, BlobStoreError>
    /** True if a blob of this size, in bytes, would have room if there was no other. */
    readonly admits: (size: number) => boolean
    /**
     * Reserves space for a blob of this size, in bytes, and evicts blobs for it that are not open. None where there is
     * no room now; nothing is evicted then.
     */
    readonly reserve: (size: number) => Effect.Effect<Option.Option<BlobWriter>, BlobStoreError, Scope.Scope>
    /** Opens a blob until the scope ends. None where it is gone. */
    readonly open: (blob: StoredBlob) => Effect.Effect<Option.Option<OpenBlob>, BlobStoreError, Scope.Scope>
    /** Notes a use of the blob that answers a key. Called for each answer, from memory too: it must not wait. */
    readonly touch: (key: PackageKey) => void
    /** Removes a blob: from now on nobody finds it. Those who have it open read on. */
    readonly remove: (blob: StoredBlob) => Effect.Effect<void>
    /** The names of all blobs, the least recently used first. */
    readonly list: Effect.Effect<ReadonlyArray<BlobName>, BlobStoreError>
    /** Told by the cache of what fails and what works; told by the store itself of what it does in the background. */
    readonly health: StoreHealth
  }
>()("@registry-packages-proxy/digest-cache/BlobStore") {
  /**
   * Files in a directory, which is made where it is missing; they are found again after a restart. `cap` is a hard limit
   * of the bytes on disk.
   */
  static readonly layerFileSystem = (options: {
    readonly directory: string
    readonly cap: number
  }): Layer.Layer<BlobStore, never, FileSystem.FileSystem | Path.Path> =>
    Layer.effect(BlobStore, DiskStore.make(options))

  /** Blobs in memory, of at most `cap` bytes together, gone with the layer. */
  static readonly layerMemory = (options: { readonly cap: number }): Layer.Layer<BlobStore> =>
    Layer.sync(BlobStore, () => MemoryStore.make(options))
}
