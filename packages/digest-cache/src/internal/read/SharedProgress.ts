import { type Cause, Effect, Latch } from "effect"
import type { BlobReader, BlobStoreError } from "../../Blob.ts"
import { BodyError, DiskFailed } from "../../BodyError.ts"
import type { PackageReader } from "../../OpenPackage.ts"

/**
 * The number of bytes at the end of a response that are held back until the whole blob is verified. One byte would be
 * enough, but a larger number avoids a tiny last packet.
 */
export const tailBytes = 64 * 1024

/** The progress of a blob that one fiber writes or verifies. Any number of readers can follow, each at its own pace. */
export class SharedProgress {
  /** The number of bytes from the start of the blob that can be read. */
  available = 0
  state: "inProgress" | "verified" | "failed" | "diskFailed" = "inProgress"
  cause: Cause.Cause<unknown> | undefined = undefined
  /**
   * A latch that opens when `available` or `state` changes next. Read the latch in the same synchronous step as these
   * fields. Otherwise, a reader can miss a change.
   */
  nextChange = Latch.makeUnsafe(false)
  /**
   * The bytes of the last call of `advance`. Empty before the first call and after the progress has ended. Readers that
   * have all earlier bytes copy these bytes from memory instead of the blob.
   */
  #recent: Uint8Array = new Uint8Array(0)

  #notify(): void {
    const changed = this.nextChange
    this.nextChange = Latch.makeUnsafe(false)
    changed.openUnsafe()
  }

  #end(state: "verified" | "failed" | "diskFailed"): void {
    this.state = state
    this.#recent = new Uint8Array(0)
    this.#notify()
  }

  /**
   * Reports bytes that were appended to the blob. The caller must not change the array until the next call of
   * `advance`, or until the progress ends.
   */
  advance(bytes: Uint8Array): void {
    this.available += bytes.length
    this.#recent = bytes
    this.#notify()
  }

  /**
   * Copies the bytes at `position` in the blob to `into`, if the last call of `advance` reported them. Returns the
   * number of copied bytes. Returns 0 if the bytes must be read from the blob.
   */
  copyRecent(into: Uint8Array, position: number): number {
    const start = position - (this.available - this.#recent.length)
    if (start < 0 || start >= this.#recent.length) return 0
    const bytes = this.#recent.subarray(start, start + into.length)
    into.set(bytes)
    return bytes.length
  }

  markVerified(): void {
    this.#end("verified")
  }

  fail(cause: Cause.Cause<unknown>): void {
    this.cause = cause
    this.#end("failed")
  }

  /**
   * Ends the progress after a failed write. Readers can read the available bytes from the blob. They must read the rest
   * from upstream.
   */
  failDisk(): void {
    this.#end("diskFailed")
  }
}

const tooShort = new BodyError({ reason: new DiskFailed({ cause: "the blob is shorter than its size" }) })

const changed = new BodyError({ reason: new DiskFailed({ cause: "the blob changed while it was read" }) })

/** Converts an error of the store to the error that a reader returns. */
export const toBodyError = ({ cause }: BlobStoreError): BodyError =>
  new BodyError({ reason: new DiskFailed({ cause }) })

/** Reads at least one byte at `position`. Fails with `DiskFailed` if the blob has no byte at this position. */
export const readAt = (
  blob: BlobReader,
  into: Uint8Array,
  position: number
): Effect.Effect<number, BodyError> =>
  blob.read(into, position).pipe(
    Effect.mapError(toBodyError),
    Effect.flatMap((count) => (count === 0 ? Effect.fail(tooShort) : Effect.succeed(count)))
  )

/**
 * Fails with `DiskFailed` if the blob has changed since it was opened or sealed. A reader checks this before it returns
 * its last bytes.
 */
const assertUnchanged = (blob: BlobReader): Effect.Effect<void, BodyError> =>
  blob.unchanged.pipe(
    Effect.mapError(toBodyError),
    Effect.flatMap((unchanged) => (unchanged ? Effect.void : Effect.fail(changed)))
  )

/** Reads a verified blob from offset `start` (inclusive) to `end` (exclusive). */
export const blobReader = (options: {
  readonly blob: BlobReader
  readonly start: number
  readonly end: number
}): PackageReader<never> => {
  const { blob, end, start } = options
  let position = start
  return {
    read: (into) =>
      Effect.suspend(() => {
        const length = Math.min(into.length, end - position)
        if (length === 0) return Effect.succeed(0)
        return Effect.flatMap(readAt(blob, into.subarray(0, length), position), (count) => {
          position += count
          return position === end ? Effect.as(assertUnchanged(blob), count) : Effect.succeed(count)
        })
      })
  }
}

/**
 * Makes a reader of a blob that is still being written or verified. The reader reads from offset `start` (inclusive) to
 * `end` (exclusive). After a failed write, it reads the rest from `continueFrom`, which downloads the rest from
 * upstream. `E` must be the error type of the fill. TypeScript cannot check this, because the type of `progress` does
 * not contain `E`.
 */
export const progressReader = <E>(options: {
  readonly progress: SharedProgress
  readonly blob: BlobReader
  readonly start: number
  readonly end: number
  readonly continueFrom: (position: number) => Effect.Effect<PackageReader<E>, E>
}): PackageReader<E> => {
  const { blob, end, progress, start } = options
  let position = start
  let continuation: PackageReader<E> | undefined = undefined
  let isTailVerified = false

  const limit = (): number => {
    if (progress.state === "verified" || isTailVerified) return end
    // The continuation holds back the last bytes of the response, so all available bytes of the blob can be returned.
    if (progress.state === "diskFailed" && progress.available < end) return progress.available
    return Math.min(progress.available, end - tailBytes)
  }

  // If the blob has all requested bytes, the rest is read from upstream only to verify the whole blob.
  const readFromUpstream = (into: Uint8Array): Effect.Effect<number, E | BodyError> =>
    progress.available < end
      ? Effect.flatMap(options.continueFrom(position), (reader) => {
          continuation = reader
          return reader.read(into)
        })
      : Effect.flatMap(options.continueFrom(end), (reader) =>
          Effect.andThen(reader.read(into), () => {
            isTailVerified = true
            return read(into)
          })
        )

  const read = (into: Uint8Array): Effect.Effect<number, E | BodyError> =>
    Effect.suspend(() => {
      if (continuation !== undefined) return continuation.read(into)
      const length = Math.min(into.length, limit() - position)
      if (length > 0) {
        const target = into.subarray(0, length)
        const copied = progress.copyRecent(target, position)
        position += copied
        if (copied > 0) return Effect.succeed(copied)
        return Effect.flatMap(readAt(blob, target, position), (count) => {
          position += count
          return position === end ? Effect.as(assertUnchanged(blob), count) : Effect.succeed(count)
        })
      }
      if (position === end && isTailVerified) return Effect.succeed(0)
      switch (progress.state) {
        case "verified":
          return Effect.succeed(0)
        case "failed":
          // All callers of a key share E, as `DigestCache.open` requires.
          return Effect.failCause(progress.cause as Cause.Cause<E>)
        case "diskFailed":
          return readFromUpstream(into)
        case "inProgress":
          return Effect.andThen(progress.nextChange.await, read(into))
      }
    })

  return { read }
}
