import { Effect, Latch, Option } from "effect"
import type { PlatformError } from "effect/PlatformError"

/** Tells the versions of a file apart. */
export interface Fingerprint {
  readonly inode: bigint
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
  /**
   * The time of the inode's last change, in nanoseconds since the epoch: no program can put it back. Undefined where the
   * file has lost its name, by which it is looked up.
   */
  readonly changed: bigint | undefined
}

/** Looks at a file as it is now. */
export type Look = Effect.Effect<Fingerprint, PlatformError>

const sameContent = (a: Fingerprint, b: Fingerprint): boolean =>
  a.inode === b.inode && a.size === b.size && a.modified === b.modified

const same = (a: Fingerprint, b: Fingerprint): boolean =>
  sameContent(a, b) && a.changed === b.changed && a.changed !== undefined

/** What a look at a file says of a version. */
export interface Comparison {
  readonly present: Fingerprint
  readonly same: boolean
  /**
   * Nothing differs that can be told without a name: a write before the file lost it, with the time put back, cannot. From
   * then on nobody can open it to change it.
   */
  readonly unnamed: boolean
}

/**
 * A file's bytes from one foreign change to the next. Readers hold the version that they began with, so that none of
 * them takes what replaced it for their own.
 */
export class FileVersion {
  #fingerprint: Fingerprint
  #superseded = false
  /** Our own change of the inode in progress. */
  #changing: Latch.Latch | undefined = undefined
  /** How often a change of our own has begun or ended. */
  #changes = 0

  constructor(fingerprint: Fingerprint) {
    this.#fingerprint = fingerprint
  }

  get size(): number {
    return this.#fingerprint.size
  }

  /** Called when another version was found in its place: from now on no file is this version. */
  supersede(): void {
    this.#superseded = true
  }

  /** Looks at a file, and tells whether it still is this version. Waits for a change of our own to be over. */
  compare(look: Look): Effect.Effect<Comparison, PlatformError> {
    return Effect.suspend(() => {
      const changes = this.#changes
      return Effect.flatMap(look, (present) => {
        if (this.#superseded) return Effect.succeed({ present, same: false, unnamed: false })
        if (same(present, this.#fingerprint)) return Effect.succeed({ present, same: true, unnamed: false })
        // What was seen may be our own doing.
        if (this.#changing !== undefined) return Effect.andThen(this.#changing.await, this.compare(look))
        if (changes !== this.#changes) return this.compare(look)
        const unnamed = present.changed === undefined && sameContent(present, this.#fingerprint)
        return Effect.succeed({ present, same: false, unnamed })
      })
    })
  }

  /**
   * Changes the inode but not the bytes (a new name, an access time), so that the file stays this version. `act` is told
   * whether the file was this version just before. Somebody else's write between that look and the one after is missed
   * where it puts the modification time back, and only then.
   */
  change<A, E>(look: Look, act: (still: boolean) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      if (this.#changing !== undefined) return Effect.andThen(this.#changing.await, this.change(look, act))
      const changing = Latch.makeUnsafe(false)
      this.#changing = changing
      this.#changes++
      return Effect.gen({ self: this }, function* () {
        const before = Option.exists(yield* Effect.option(look), (seen) => same(seen, this.#fingerprint))
        const done = yield* act(before)
        const after = yield* Effect.option(look)
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
