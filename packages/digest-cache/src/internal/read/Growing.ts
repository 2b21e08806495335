import { type Cause, Effect, Latch } from "effect"
import type { BlobReader, BlobStoreError } from "../../Blob.ts"
import { BodyError, DiskFailed } from "../../BodyError.ts"
import type { PackageReader } from "../../DigestCache.ts"

/**
 * How many bytes at the end of a response wait for the verdict on the whole blob. One would do; this many keep the last
 * write from being a tiny packet of its own.
 */
export const heldBack = 64 * 1024

/**
 * A file that is being written, or read again to be verified, while others read it. One side reports progress, any
 * number follow at their own pace.
 */
export class Growing {
  /** The bytes that can be read, though not yet all given away. */
  available = 0
  state: "growing" | "verified" | "failed" | "detached" = "growing"
  cause: Cause.Cause<unknown> | undefined = undefined
  /** Opened at the next change; taken together with a look at the state, so that no change is missed. */
  changed = Latch.makeUnsafe(false)
  /** The last of the available bytes, in memory for those who follow closely; only until the next change. */
  #recent: Uint8Array = new Uint8Array(0)

  #tell(): void {
    const changed = this.changed
    this.changed = Latch.makeUnsafe(false)
    changed.openUnsafe()
  }

  #end(state: "verified" | "failed" | "detached"): void {
    this.state = state
    this.#recent = new Uint8Array(0)
    this.#tell()
  }

  /** Tells of bytes that the file now has. They may be changed after the next call, not before. */
  grew(bytes: Uint8Array): void {
    this.available += bytes.length
    this.#recent = bytes
    this.#tell()
  }

  /** Copies what is at `position`, and says how much; 0 where only the file has it. */
  copyRecent(into: Uint8Array, position: number): number {
    const start = position - (this.available - this.#recent.length)
    if (start < 0 || start >= this.#recent.length) return 0
    const bytes = this.#recent.subarray(start, start + into.length)
    into.set(bytes)
    return bytes.length
  }

  verify(): void {
    this.#end("verified")
  }

  fail(cause: Cause.Cause<unknown>): void {
    this.cause = cause
    this.#end("failed")
  }

  /** The disk takes no more: what is written can be read, the rest must come from elsewhere. */
  detach(): void {
    this.#end("detached")
  }
}

const short = new BodyError({ reason: new DiskFailed({ cause: "the file ended before its size" }) })

const changed = new BodyError({ reason: new DiskFailed({ cause: "the file was changed while it was read" }) })

/** The error that a reader breaks with where the store fails. */
export const bodyError = ({ cause }: BlobStoreError): BodyError =>
  new BodyError({ reason: new DiskFailed({ cause }) })

/** Reads bytes that the blob must have. */
export const readAt = (
  blob: BlobReader,
  into: Uint8Array,
  position: number
): Effect.Effect<number, BodyError> =>
  blob.read(into, position).pipe(
    Effect.mapError(bodyError),
    Effect.flatMap((count) => (count === 0 ? Effect.fail(short) : Effect.succeed(count)))
  )

/** Looked at when a reader has its last bytes and before it gives them: fails where the blob is not what was verified. */
const assertUnchanged = (blob: BlobReader): Effect.Effect<void, BodyError> =>
  blob.unchanged.pipe(
    Effect.mapError(bodyError),
    Effect.flatMap((unchanged) => (unchanged ? Effect.void : Effect.fail(changed)))
  )

/** Reads a verified blob. */
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
 * Follows a growing file. `continued` takes over at a position past what a detached file holds.
 *
 * `E` is what the file's own filling fails with; the caller says so, since a `Growing` is shared by all readers.
 */
export const growingReader = <E>(options: {
  readonly growing: Growing
  readonly blob: BlobReader
  readonly start: number
  readonly end: number
  readonly continued: (position: number) => Effect.Effect<PackageReader<E>, E>
}): PackageReader<E> => {
  const { blob, end, growing, start } = options
  let position = start
  let continuation: PackageReader<E> | undefined = undefined
  let drained = false

  const limit = (): number => {
    if (growing.state === "verified" || drained) return end
    // Past a detached file's end the continuation holds the tail back, so all that the file has may go.
    if (growing.state === "detached" && growing.available < end) return growing.available
    return Math.min(growing.available, end - heldBack)
  }

  // Where the file has all that is wanted, the rest of the blob is still read, for the verdict alone.
  const detached = (into: Uint8Array): Effect.Effect<number, E | BodyError> =>
    growing.available < end
      ? Effect.flatMap(options.continued(position), (reader) => {
          continuation = reader
          return reader.read(into)
        })
      : Effect.flatMap(options.continued(end), (reader) =>
          Effect.andThen(reader.read(into), () => {
            drained = true
            return read(into)
          })
        )

  const read = (into: Uint8Array): Effect.Effect<number, E | BodyError> =>
    Effect.suspend(() => {
      if (continuation !== undefined) return continuation.read(into)
      const length = Math.min(into.length, limit() - position)
      if (length > 0) {
        const target = into.subarray(0, length)
        const copied = growing.copyRecent(target, position)
        position += copied
        if (copied > 0) return Effect.succeed(copied)
        return Effect.flatMap(readAt(blob, target, position), (count) => {
          position += count
          return position === end ? Effect.as(assertUnchanged(blob), count) : Effect.succeed(count)
        })
      }
      if (position === end && drained) return Effect.succeed(0)
      switch (growing.state) {
        case "verified":
          return Effect.succeed(0)
        case "failed":
          // The one who filled had the same E: a key's callers share it, as DigestCache.open says.
          return Effect.failCause(growing.cause as Cause.Cause<E>)
        case "detached":
          return detached(into)
        case "growing":
          return Effect.andThen(growing.changed.await, read(into))
      }
    })

  return { read }
}
