import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Context, type Effect, type FileSystem, Layer, type Path, type Scope } from "effect"
import { BlobStore } from "./BlobStore.ts"
import type { BodyError } from "./BodyError.ts"
import { disabledCache } from "./internal/open/Bypass.ts"
import type { PackageInMemory } from "./internal/open/MemoryTier.ts"
import * as StoreBackedCache from "./internal/open/StoreBackedCache.ts"
import type { OpenPackage, PackageLookup } from "./OpenPackage.ts"
import type { PackageKey } from "./PackageKey.ts"
import type { PackageSource } from "./PackageSource.ts"

/** The memory that a cache uses in addition to its store. */
export interface MemoryOptions {
  /**
   * The maximum total size of the packages in memory, in bytes. Only packages of at most 256 KiB are kept in memory.
   * Default: 16 MiB.
   */
  readonly maxMemory?: number
}

/** The directory of a cache on disk, and its limits. */
export interface CacheOptions extends MemoryOptions {
  /** Created if it does not exist. */
  readonly directory: string
  /** The maximum number of bytes that the cache uses on disk. */
  readonly cap: number
}

/**
 * Caches packages by digest. Concurrent requests for one package share one download (a fill). No response is completed
 * before all bytes of the package are verified.
 */
export class DigestCache extends Context.Service<
  DigestCache,
  {
    /**
     * Returns the descriptor and the expected cache result of a package, for the response to a HEAD request. Begins no
     * fill, and records no use in the store. Does not run `resolve` if the package is cached, or if a fill that caches
     * the package has already resolved the descriptor.
     */
    readonly peek: <E>(
      key: PackageKey,
      resolve: Effect.Effect<PackageDescriptor, E>
    ) => Effect.Effect<PackageLookup, E>
    /**
     * Opens a package for one response, and downloads the package if it is not cached. Completes when the first bytes
     * are available. For a package of at most 256 KiB, completes when all bytes are verified. If the download fails
     * before this effect completes, this effect fails, and no response has begun. At most one fill runs for a key,
     * however many callers open the package. A fill continues when its callers leave. All callers of one key must have
     * the same error type `E`.
     */
    readonly open: <E>(
      key: PackageKey,
      source: PackageSource<E>
    ) => Effect.Effect<OpenPackage<E>, E | BodyError, Scope.Scope>
    /** True if the last read or the last write of the store failed. If true, packages may bypass the cache. */
    readonly degraded: Effect.Effect<boolean>
    /** Stops each fill that has no callers, and prevents new fills. Undefined for a cache that never starts a fill. */
    readonly drain?: Effect.Effect<void>
  }
>()("@registry-packages-proxy/digest-cache/DigestCache") {
  /** Caches packages in `BlobStore`, and small packages also in memory. */
  static readonly layerStore = (options: MemoryOptions = {}): Layer.Layer<DigestCache, never, BlobStore> =>
    Layer.effect(DigestCache, StoreBackedCache.make(options))

  /** Caches packages in files, and small packages also in memory. */
  static readonly layer = (
    options: CacheOptions
  ): Layer.Layer<DigestCache, never, FileSystem.FileSystem | Path.Path> =>
    Layer.provide(DigestCache.layerStore(options), BlobStore.layerFileSystem(options))

  /**
   * Caches packages in memory until the layer's scope ends, for tests and for programs without a disk. Uses at most
   * `cap` bytes for all packages. Uses at most `maxMemory` additional bytes, because small packages are stored twice.
   */
  static readonly layerMemory = (
    options: MemoryOptions & { readonly cap: number }
  ): Layer.Layer<DigestCache> =>
    Layer.provide(DigestCache.layerStore(options), BlobStore.layerMemory(options))

  /** Caches nothing. Downloads and verifies the package for each request. */
  static readonly layerDisabled: Layer.Layer<DigestCache> = Layer.sync(DigestCache, () => disabledCache)

  /**
   * Returns a package from the cache's memory synchronously, and records the use as `open` does. If the package is not
   * in memory, returns undefined, and the caller calls `open`. Also returns undefined if `cache` does not come from a
   * layer of this class, for example if `cache` is a mock.
   */
  static readonly findInMemory = (
    cache: DigestCache["Service"],
    key: PackageKey
  ): PackageInMemory | undefined => StoreBackedCache.findInMemory(cache, key)
}
