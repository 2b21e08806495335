import { type Effect, Schema } from "effect"
import type { BlobName } from "./BlobName.ts"
import { causeText } from "./internal/CauseText.ts"

/** The store could not be reached, read or written. The failed operation changed nothing. */
export class BlobStoreError extends Schema.TaggedError<BlobStoreError>()("BlobStoreError", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the blob store failed: ${causeText(this.cause)}`
  }
}

/** A blob in a store. `find` returns the same object until the blob is removed or replaced. */
export interface StoredBlob {
  readonly name: BlobName
}

/**
 * An opaque identity of a blob's bytes. A store returns the same object while it knows that nobody else has changed the
 * bytes, and another object afterwards.
 */
export type BlobVersion = object

/** Reads the bytes of a blob, also while it is still being written. */
export interface BlobReader {
  /**
   * Copies bytes from `position` on into `into` and returns their number, at least one, or 0 at the end and behind it.
   * Does not write into `into` after an interruption.
   */
  readonly read: (into: Uint8Array, position: number) => Effect.Effect<number, BlobStoreError>
  /**
   * True if the bytes are still those of the version that was opened or sealed. For a blob that is not sealed: true if
   * it is readable. Fails if the store does not know.
   */
  readonly unchanged: Effect.Effect<boolean, BlobStoreError>
}

/** A blob that is open for reading. It stays readable, and is not evicted, until its scope ends. */
export interface OpenBlob extends BlobReader {
  readonly version: BlobVersion
  /** Bytes. A size other than the one in the name means that the blob has changed. */
  readonly size: number
}

/** A blob being written into reserved space. Discarded with its scope unless it is committed. */
export interface BlobWriter extends BlobReader {
  /** Appends bytes; does not use the array afterwards. A failed write appends nothing. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, BlobStoreError>
  /** Ends the writing of a complete, verified blob. From now on a change by others is noticed. */
  readonly seal: Effect.Effect<BlobVersion, BlobStoreError>
  /**
   * Adds the sealed blob under its name, in place of the blob that had its key. It keeps the sealed version, and is
   * open until the scope ends.
   */
  readonly commit: (name: BlobName) => Effect.Effect<void, BlobStoreError>
}
