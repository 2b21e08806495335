import type { BlobBuffers } from "@registry-packages-proxy/domain/BlobBuffers"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Context, type Effect, type Scope, type Stream } from "effect"
import type { BodyError } from "./BodyError.ts"

/** What a package is asked for by. An image index's answer depends on the platform, a manifest's does not. */
export interface PackageKey {
  /** The digest of an image's manifest, or of an index. */
  readonly manifestDigest: Digest
  readonly platform: Platform
}

/** Where a package not in the cache comes from. */
export interface PackageSource<E> {
  /** Tells sources apart: waiters for one digest share a failure only when theirs is the same. */
  readonly identity: string
  readonly resolve: Effect.Effect<PackageDescriptor, E>
  /** The blob's bytes from `offset` to its end, in `buffers` or in memory of their own. */
  readonly blob: (
    descriptor: PackageDescriptor,
    offset: number,
    buffers?: BlobBuffers
  ) => Stream.Stream<Uint8Array, E>
}

/**
 * How a package was had: from disk, from memory, by this request's own fill, by one another request began, or past
 * the cache.
 */
export type CacheResult = "hit" | "memory" | "miss" | "collapsed" | "bypass"

/** The bytes of one response, read in order. */
export interface PackageReader<E> {
  /**
   * Copies the next bytes into `into` and says how many, at least one; 0 at the end. Waits for a fill to bring them.
   * The last bytes come only once the whole blob was verified, so a reader that reaches its end has right bytes.
   */
  readonly read: (into: Uint8Array) => Effect.Effect<number, E | BodyError>
}

/** A package's bytes: all of them at hand, or to be read. */
export type PackageBody<E> =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Reader"; readonly reader: PackageReader<E> }

/** A package opened for one response; what it holds is released with the scope it was opened in. */
export interface OpenPackage<E> {
  readonly descriptor: PackageDescriptor
  readonly result: CacheResult
  /** Whether a part can be asked for. A package that passes by the cache is read whole. */
  readonly acceptsRanges: boolean
  /** The bytes from `start` to `end` (exclusive, in bytes). Without `acceptsRanges`, always the whole. */
  readonly body: (start: number, end: number) => PackageBody<E>
}

/** What is known of a package without opening it. */
export interface PackageStatus {
  readonly descriptor: PackageDescriptor
  readonly result: CacheResult
}

/** Packages by digest, on disk and in memory. */
export class DigestCache extends Context.Service<
  DigestCache,
  {
    /**
     * What `open` would answer, without opening it: counts as no use, and begins no fill. `resolve` is run where neither
     * the cache nor a fill knows the package.
     */
    readonly peek: <E>(
      key: PackageKey,
      resolve: Effect.Effect<PackageDescriptor, E>
    ) => Effect.Effect<PackageStatus, E>
    /**
     * Opens a package for one response, filling the cache where it is not there. Returns once the first bytes are at
     * hand (a package of at most 256 KiB: once it is verified), so that whatever fails before is an error and not a
     * broken body. One fill a digest runs however many ask; it belongs to the cache and goes on when a caller leaves.
     */
    readonly open: <E>(
      key: PackageKey,
      source: PackageSource<E>
    ) => Effect.Effect<OpenPackage<E>, E | BodyError, Scope.Scope>
    /** The store failed, and has not worked since: packages bypass the cache, nothing is kept. */
    readonly degraded: Effect.Effect<boolean>
    /** From now on fills that nobody reads stop, and none begins. A cache without fills needs none. */
    readonly drain?: Effect.Effect<void>
  }
>()("@registry-packages-proxy/digest-cache/DigestCache") {}
