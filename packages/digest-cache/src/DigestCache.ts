import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Context, type Effect, type FileSystem, Layer, type Path, type Scope } from "effect"
import { BlobStore } from "./BlobStore.ts"
import type { BodyError } from "./BodyError.ts"
import { disabled } from "./internal/open/Bypass.ts"
import type { PackageInMemory } from "./internal/open/MemoryTier.ts"
import * as StoreBackedCache from "./internal/open/StoreBackedCache.ts"
import type { OpenPackage, PackageStatus } from "./OpenPackage.ts"
import type { PackageKey } from "./PackageKey.ts"
import type { PackageSource } from "./PackageSource.ts"

/** Memory that a cache uses beside its store. */
export interface MemoryOptions {
  /** The most bytes of small packages in memory. Default: 16 MiB. */
  readonly maxMemory?: number
}

/** The directory of a cache on disk, and its limits. */
export interface CacheOptions extends MemoryOptions {
  /** Created if it does not exist. */
  readonly directory: string
  /** The hard limit of bytes on disk. */
  readonly cap: number
}

/**
 * Caches packages by digest. Concurrent requests for one package share one download (a fill). Every byte is verified
 * before it completes a response.
 */
export class DigestCache extends Context.Service<
  DigestCache,
  {
    /**
     * Returns the status of a package without opening it: counts no use and begins no fill. Runs `resolve` only if
     * neither the cache nor a fill has the package's descriptor.
     */
    readonly peek: <E>(
      key: PackageKey,
      resolve: Effect.Effect<PackageDescriptor, E>
    ) => Effect.Effect<PackageStatus, E>
    /**
     * Opens a package for one response, and fetches it if the cache does not have it. Returns when the first bytes are
     * available (a package of at most 256 KiB: when it is verified), so that earlier failures are errors and not broken
     * bodies. One fill runs for a digest, however many callers open it; it belongs to the cache and continues when a
     * caller leaves. All callers of one key share one error type `E`.
     */
    readonly open: <E>(
      key: PackageKey,
      source: PackageSource<E>
    ) => Effect.Effect<OpenPackage<E>, E | BodyError, Scope.Scope>
    /** True after the store failed and until it works again: packages bypass the cache meanwhile. */
    readonly degraded: Effect.Effect<boolean>
    /** Stops fills that nobody reads, and begins no new ones. Absent from a cache without fills. */
    readonly drain?: Effect.Effect<void>
  }
>()("@registry-packages-proxy/digest-cache/DigestCache") {
  /** Keeps packages in the `BlobStore`, and small ones in memory too. */
  static readonly layerStore = (options: MemoryOptions = {}): Layer.Layer<DigestCache, never, BlobStore> =>
    Layer.effect(DigestCache, StoreBackedCache.make(options))

  /** Keeps packages in files, and small ones in memory too. */
  static readonly layer = (
    options: CacheOptions
  ): Layer.Layer<DigestCache, never, FileSystem.FileSystem | Path.Path> =>
    Layer.provide(DigestCache.layerStore(options), BlobStore.layerFileSystem(options))

  /** Keeps at most `cap` bytes in memory until the layer ends, for tests and for programs without a disk. */
  static readonly layerMemory = (
    options: MemoryOptions & { readonly cap: number }
  ): Layer.Layer<DigestCache> =>
    Layer.provide(DigestCache.layerStore(options), BlobStore.layerMemory(options))

  /** Keeps nothing: streams and verifies each package for each request. */
  static readonly layerDisabled: Layer.Layer<DigestCache> = Layer.sync(DigestCache, () => disabled)

  /**
   * Returns a package that `open` would open from memory, without waiting, and counts it as `open` does. Undefined if
   * `open` must be called. Works only on a cache made by a layer of this class; returns undefined for any wrapper.
   */
  static readonly inMemory = (cache: DigestCache["Service"], key: PackageKey): PackageInMemory | undefined =>
    StoreBackedCache.inMemory(cache, key)
}
