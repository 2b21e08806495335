import { Effect, Latch, Option } from "effect"
import type { PlatformError } from "effect/PlatformError"

/** The metadata that distinguishes versions of a file. */
export interface Fingerprint {
  readonly inode: bigint
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number
  /**
   * POSIX `st_ctime` in nanoseconds since the epoch, which no program can set. Undefined for an unlinked file, since it
   * is looked up by name.
   */
  readonly changedAt: bigint | undefined
}

/** Reads the current fingerprint of one file. */
export type ReadFingerprint = Effect.Effect<Fingerprint, PlatformError>

const sameContent = (a: Fingerprint, b: Fingerprint): boolean =>
  a.inode === b.inode && a.size === b.size && a.modifiedAt === b.modifiedAt

const same = (a: Fingerprint, b: Fingerprint): boolean =>
  sameContent(a, b) && a.changedAt === b.changedAt && a.changedAt !== undefined

/** The current fingerprint of a file, compared with a version. */
export interface Comparison {
  readonly current: Fingerprint
  readonly same: boolean
  /**
   * True if the file is unlinked and otherwise the same. A write before the unlinking that restored the modification
   * time is not noticed; afterwards nobody can open the file to change it.
   */
  readonly sameButUnlinked: boolean
}

/**
 * The bytes of a file between two changes by others. Readers hold the version that they began with, and so notice when
 * another replaces it.
 */
export class FileVersion {
  #fingerprint: Fingerprint
  #superseded = false
  /** Opens when our own change of the inode, in progress now, ends. */
  #changing: Latch.Latch | undefined = undefined
  /** The number of times that a change of our own has begun or ended. */
  #changes = 0

  constructor(fingerprint: Fingerprint) {
    this.#fingerprint = fingerprint
  }

  get size(): number {
    return this.#fingerprint.size
  }

  /** Marks the version as replaced: no file equals it any more. */
  supersede(): void {
    this.#superseded = true
  }

  /** Compares a file with this version. Waits while a change of our own is in progress. */
  compare(readFingerprint: ReadFingerprint): Effect.Effect<Comparison, PlatformError> {
    return Effect.suspend(() => {
      const changes = this.#changes
      return Effect.flatMap(readFingerprint, (current) => {
        if (this.#superseded) return Effect.succeed({ current, same: false, sameButUnlinked: false })
        if (same(current, this.#fingerprint))
          return Effect.succeed({ current, same: true, sameButUnlinked: false })
        // The difference may come from our own change.
        if (this.#changing !== undefined)
          return Effect.andThen(this.#changing.await, this.compare(readFingerprint))
        if (changes !== this.#changes) return this.compare(readFingerprint)
        const sameButUnlinked = current.changedAt === undefined && sameContent(current, this.#fingerprint)
        return Effect.succeed({ current, same: false, sameButUnlinked })
      })
    })
  }

  /**
   * Changes the inode but not the bytes (a new name, an access time); the file stays this version. `act` receives
   * whether the file was this version just before. A write by others during `act` is missed only if it restores the
   * modification time.
   */
  change<A, E>(
    readFingerprint: ReadFingerprint,
    act: (isThisVersion: boolean) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      if (this.#changing !== undefined)
        return Effect.andThen(this.#changing.await, this.change(readFingerprint, act))
      const changing = Latch.makeUnsafe(false)
      this.#changing = changing
      this.#changes++
      return Effect.gen({ self: this }, function* () {
        const before = Option.exists(yield* Effect.option(readFingerprint), (seen) =>
          same(seen, this.#fingerprint)
        )
        const done = yield* act(before)
        const after = yield* Effect.option(readFingerprint)
        if (before && Option.isSome(after) && sameContent(after.value, this.#fingerprint))
          this.#fingerprint = after.value
        return done
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            this.#changing = undefined
            this.#changes++
            changing.openUnsafe()
          })
        )
      )
    }).pipe(Effect.uninterruptible)
  }
}
