import { Effect, Latch, Option } from "effect"
import type { PlatformError } from "effect/PlatformError"

/** The metadata that distinguishes versions of a file. */
export interface Fingerprint {
  readonly inode: bigint
  readonly size: number
  /** The time of the last write, in milliseconds since the epoch. */
  readonly modifiedAt: number
  /**
   * The POSIX `st_ctime` in nanoseconds since the epoch. No program can set it. Undefined if the file is unlinked,
   * because `st_ctime` is read by the path of the file.
   */
  readonly changedAt: bigint | undefined
}

/** An effect that reads the current fingerprint of one file. */
export type CurrentFingerprint = Effect.Effect<Fingerprint, PlatformError>

const sameContent = (a: Fingerprint, b: Fingerprint): boolean =>
  a.inode === b.inode && a.size === b.size && a.modifiedAt === b.modifiedAt

const same = (a: Fingerprint, b: Fingerprint): boolean =>
  sameContent(a, b) && a.changedAt === b.changedAt && a.changedAt !== undefined

/** The result of comparing a file with a version. */
export interface VersionComparison {
  readonly current: Fingerprint
  readonly same: boolean
  /**
   * True if the file is unlinked, and its inode, size and modification time are those of the version. A write before
   * the unlinking is not detected if the write restored the modification time. After the unlinking, no other program
   * can open the file by its path.
   */
  readonly sameButUnlinked: boolean
}

/** A version of a file's bytes. After another program has changed the file, `compare` returns `same: false`. */
export class FileVersion {
  #fingerprint: Fingerprint
  #superseded = false
  /** While a call of `change` runs, the latch that opens when the call ends. Otherwise undefined. */
  #changing: Latch.Latch | undefined = undefined
  /** Increases when a call of `change` begins and when it ends, so that `compare` notices the call. */
  #changes = 0

  constructor(fingerprint: Fingerprint) {
    this.#fingerprint = fingerprint
  }

  get size(): number {
    return this.#fingerprint.size
  }

  /** Marks the version as replaced. After this call, `compare` returns `same: false`. */
  supersede(): void {
    this.#superseded = true
  }

  /**
   * Compares a file with this version. If the file differs while a `change` is in progress, waits until the `change`
   * ends, and then compares again.
   */
  compare(readFingerprint: CurrentFingerprint): Effect.Effect<VersionComparison, PlatformError> {
    return Effect.suspend(() => {
      const changes = this.#changes
      return Effect.flatMap(readFingerprint, (current) => {
        if (this.#superseded) return Effect.succeed({ current, same: false, sameButUnlinked: false })
        if (same(current, this.#fingerprint))
          return Effect.succeed({ current, same: true, sameButUnlinked: false })
        // The cache's own change may have caused the difference.
        if (this.#changing !== undefined)
          return Effect.andThen(this.#changing.await, this.compare(readFingerprint))
        if (changes !== this.#changes) return this.compare(readFingerprint)
        const sameButUnlinked = current.changedAt === undefined && sameContent(current, this.#fingerprint)
        return Effect.succeed({ current, same: false, sameButUnlinked })
      })
    })
  }

  /**
   * Runs `act` when no other `change` is in progress. `act` may change the file's `st_ctime`, for example by a rename.
   * It must not change the file's bytes, inode number or modification time. If the file has this version before `act`,
   * `act` receives true, and the file still has this version after `act`.
   *
   * If another program writes to the file during `act`, `compare` detects this only if the write has changed the file's
   * size or modification time.
   */
  change<A, E>(
    readFingerprint: CurrentFingerprint,
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
