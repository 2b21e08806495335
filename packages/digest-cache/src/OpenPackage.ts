import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { Effect } from "effect"
import type { BodyError } from "./BodyError.ts"
import type { CacheResult } from "./CacheResult.ts"

/** Reads the bytes of one response, in order. `E` is the error type of the package's `PackageSource`. */
export interface PackageReader<E> {
  /**
   * Copies the next bytes into `into`. Returns the number of copied bytes: at least 1, or 0 at the end. If the package
   * is still being downloaded into the cache, waits for new bytes. Returns the last bytes only after the whole blob is
   * verified. A reader that reaches the end has therefore received the correct bytes.
   */
  readonly read: (into: Uint8Array) => Effect.Effect<number, E | BodyError>
}

/**
 * The body of a response, either as bytes in memory or as a reader. `E` is the error type of the package's
 * `PackageSource`.
 */
export type PackageBody<E> =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Reader"; readonly reader: PackageReader<E> }

/**
 * A package that is open for one response. The end of the scope of `DigestCache.open` closes it. `E` is the error type
 * of the package's `PackageSource`.
 */
export interface OpenPackage<E> {
  readonly descriptor: PackageDescriptor
  /** Says where the bytes come from: `hit`, `memory`, `miss`, `collapsed` or `bypass`. */
  readonly cacheResult: CacheResult
  /** False for a package that bypasses the cache. Such a package can only be read as a whole. */
  readonly acceptsRanges: boolean
  /**
   * Returns the bytes from offset `start` (inclusive) to `end` (exclusive). Returns all bytes if `acceptsRanges` is
   * false.
   */
  readonly body: (start: number, end: number) => PackageBody<E>
}

/** The result of `DigestCache.peek`, for the response to a HEAD request. */
export interface PackageLookup {
  readonly descriptor: PackageDescriptor
  /**
   * The result that is expected from `DigestCache.open`: `hit`, `memory`, `miss`, `collapsed` or `bypass`. While the
   * store is degraded, `bypass` replaces `miss`, although `open` may still cache the package.
   */
  readonly cacheResult: CacheResult
}
