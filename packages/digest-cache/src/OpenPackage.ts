import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { Effect } from "effect"
import type { BodyError } from "./BodyError.ts"
import type { CacheResult } from "./CacheResult.ts"

/** The bytes of one response, read in order. */
export interface PackageReader<E> {
  /**
   * Copies the next bytes into `into` and returns their number, at least one, or 0 at the end. Waits for a fill in
   * progress. The last bytes come only after the whole blob is verified: a reader that reaches the end has the right
   * bytes.
   */
  readonly read: (into: Uint8Array) => Effect.Effect<number, E | BodyError>
}

/** The bytes of a package, in memory or to be read. */
export type PackageBody<E> =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Reader"; readonly reader: PackageReader<E> }

/** A package opened for one response. The scope it was opened in releases what it holds. */
export interface OpenPackage<E> {
  readonly descriptor: PackageDescriptor
  readonly result: CacheResult
  /** False for a package that bypasses the cache, which can only be read whole. */
  readonly acceptsRanges: boolean
  /** The bytes from `start` to `end` (exclusive, in bytes). Always all bytes if `acceptsRanges` is false. */
  readonly body: (start: number, end: number) => PackageBody<E>
}

/** The result that `open` would have, and the package it would open. */
export interface PackageStatus {
  readonly descriptor: PackageDescriptor
  readonly result: CacheResult
}
