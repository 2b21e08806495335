import { Context, type Effect, type FileSystem, Layer, type Option, type Path, type Scope } from "effect"
import type { BlobStoreError, BlobWriter, OpenBlob, StoredBlob } from "./Blob.ts"
import type { BlobName } from "./BlobName.ts"
import type { PackageKey } from "./PackageKey.ts"
import * as DiskStore from "./internal/disk/DiskStore.ts"
import * as MemoryStore from "./internal/memory/MemoryStore.ts"
import type { StoreHealth } from "./StoreHealth.ts"

/**
 * The storage of a `DigestCache`. A store does not verify bytes, because the cache verifies them. To use other storage,
 * implement this service and run testkit's `BlobStoreSuite` on the implementation.
 */
export class BlobStore extends Context.Service<
  BlobStore,
  {
    /**
     * Finds the blob with a key. None if the store has no such blob. If the key's `manifestDigest` is the digest of an
     * image manifest, the key's platform is ignored. If it is the digest of an image index, the blob must have been
     * stored for the key's platform.
     */
    readonly find: (key: PackageKey) => Effect.Effect<Option.Option<StoredBlob>, BlobStoreError>
    /** True if a blob of this size, in bytes, would fit into an otherwise empty store. */
    readonly admits: (size: number) => boolean
    /**
     * Reserves space for a blob of `size` bytes. If necessary, evicts blobs that are not open. If eviction cannot free
     * enough space, returns none and evicts nothing.
     */
    readonly reserve: (size: number) => Effect.Effect<Option.Option<BlobWriter>, BlobStoreError, Scope.Scope>
    /** Opens a blob. The end of the scope closes the blob. None if the blob was removed or replaced. */
    readonly open: (blob: StoredBlob) => Effect.Effect<Option.Option<OpenBlob>, BlobStoreError, Scope.Scope>
    /**
     * Records a use of the blob with this key. Must not block, because the cache calls this for each response,
     * including responses from the cache's memory.
     */
    readonly touch: (key: PackageKey) => void
    /**
     * Removes a blob. Callers that have the blob open can still read its bytes, or their reads fail with a
     * `BlobStoreError`.
     */
    readonly remove: (blob: StoredBlob) => Effect.Effect<void>
    /** The names of all blobs in order of last use, the least recently used blob first. */
    readonly list: Effect.Effect<ReadonlyArray<BlobName>, BlobStoreError>
    /**
     * Records the success or failure of store operations. The cache records each operation that it calls. The store
     * itself records only failures of its background work.
     */
    readonly health: StoreHealth
  }
>()("@registry-packages-proxy/digest-cache/BlobStore") {
  /**
   * Stores blobs as files, so that they survive a restart. Creates the directory if it does not exist. Uses at most
   * `cap` bytes on disk.
   */
  static readonly layerFileSystem = (options: {
    readonly directory: string
    readonly cap: number
  }): Layer.Layer<BlobStore, never, FileSystem.FileSystem | Path.Path> =>
    Layer.effect(BlobStore, DiskStore.make(options))

  /** Stores at most `cap` bytes of blobs in memory until the layer's scope ends. */
  static readonly layerMemory = (options: { readonly cap: number }): Layer.Layer<BlobStore> =>
    Layer.sync(BlobStore, () => MemoryStore.make(options))
}
