import { type Effect, Schema } from "effect"
import type { BlobName } from "./BlobName.ts"
import { causeText } from "./internal/CauseText.ts"

/** The store could not be reached, read or written. A failed operation stores nothing, but may have removed blobs. */
export class BlobStoreError extends Schema.TaggedError<BlobStoreError>()("BlobStoreError", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the blob store failed: ${causeText(this.cause)}`
  }
}

/** A blob in a store. `BlobStore.find` returns the same object until the blob is removed or replaced. */
export interface StoredBlob {
  readonly name: BlobName
}

/**
 * Identifies a version of a blob's bytes by object identity. The store returns the same object for each opening of the
 * blob, until another program changes the bytes. Then it returns a new object.
 */
export type BlobVersion = object

/** Reads the bytes of a blob that is complete or still being written. */
export interface BlobReader {
  /**
   * Copies bytes into `into`, starting at `position` in the blob. Returns the number of copied bytes: at least 1, or 0
   * if `position` is at or after the end. Does not write into `into` after the effect is interrupted.
   */
  readonly read: (into: Uint8Array, position: number) => Effect.Effect<number, BlobStoreError>
  /**
   * True if no other program has changed the bytes since `BlobStore.open` or, for a `BlobWriter`, since `seal`. Until
   * `seal`, a writer cannot detect changes, so the result is true. Fails if the store cannot check for changes.
   */
  readonly unchanged: Effect.Effect<boolean, BlobStoreError>
}

/**
 * A blob that is open for reading. The blob stays readable, and is not evicted, until the scope of `BlobStore.open`
 * ends.
 */
export interface OpenBlob extends BlobReader {
  readonly version: BlobVersion
  /**
   * The size of the stored bytes. Differs from `BlobName.size` if another program has truncated or extended the blob.
   */
  readonly size: number
}

/**
 * A blob that is being written into reserved space. If the blob is not committed before the scope of
 * `BlobStore.reserve` ends, the blob is discarded.
 */
export interface BlobWriter extends BlobReader {
  /** Appends bytes. Does not use the array after the effect completes. A failed write appends nothing. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, BlobStoreError>
  /** Marks the blob as complete and verified. After this call, `unchanged` detects changes by other programs. */
  readonly seal: Effect.Effect<BlobVersion, BlobStoreError>
  /**
   * Adds the sealed blob to the store under `name`, and removes the previous blob with the same key. The added blob has
   * the version that `seal` returned, and stays open until the scope of `BlobStore.reserve` ends.
   */
  readonly commit: (name: BlobName) => Effect.Effect<void, BlobStoreError>
}
