import { type Effect, Schema } from "effect"
import type { BlobName } from "./BlobName.ts"

/** A store failed: it could not be reached, read or written. Its state is what it was before. */
export class BlobStoreError extends Schema.TaggedError<BlobStoreError>()("BlobStoreError", {
  cause: Schema.Defect()
}) {}

/** A blob in a store: the same object each time it is found, until it is removed or replaced. */
export interface StoredBlob {
  readonly name: BlobName
}

/**
 * Tells the states of a blob's bytes apart, and nothing else: a store gives the same object as long as it knows that
 * nobody else changed the bytes, another one from then on.
 */
export type BlobVersion = object

/** The bytes of a blob, whole or still being written. */
export interface BlobReader {
  /**
   * Copies bytes from `position` on into `into` and returns their number, at least one; 0 where there is none. Writes
   * nothing into `into` once it was interrupted.
   */
  readonly read: (into: Uint8Array, position: number) => Effect.Effect<number, BlobStoreError>
  /**
   * True if the bytes are still those of the version that was opened or sealed; a blob that is not sealed has only to be
   * readable. Fails where that cannot be told.
   */
  readonly unchanged: Effect.Effect<boolean, BlobStoreError>
}

/** A blob that is open for reading. It stays readable, and is not evicted, until the scope it was opened in ends. */
export interface OpenBlob extends BlobReader {
  readonly version: BlobVersion
  /** Bytes. The blob is not what it was where this is not the size in its name. */
  readonly size: number
}

/** A blob being written, in space that is reserved for it. Gone with its scope unless it was committed. */
export interface BlobWriter extends BlobReader {
  /** Appends bytes, which are not used after it has ended. One that failed has appended nothing. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, BlobStoreError>
  /** Ends the writing: all bytes are there, and are right. From now on a change by others is noticed. */
  readonly seal: Effect.Effect<BlobVersion, BlobStoreError>
  /**
   * Adds the sealed blob under its name, in place of the one that its key had. It has the sealed version, and is open
   * until the scope ends.
   */
  readonly commit: (name: BlobName) => Effect.Effect<void, BlobStoreError>
}
