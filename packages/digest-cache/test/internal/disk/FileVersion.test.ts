import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { FileVersion, type CurrentFingerprint } from "../../../src/internal/disk/FileVersion.ts"

/** A fake file. Each change gives it a new `changedAt`. */
class FakeFile {
  inode = 1n
  size = 10
  modifiedAt = 1000
  changedAt = 1n
  linked = true

  touch(): void {
    this.changedAt++
  }

  get readFingerprint(): CurrentFingerprint {
    return Effect.sync(() => ({
      inode: this.inode,
      size: this.size,
      modifiedAt: this.modifiedAt,
      changedAt: this.linked ? this.changedAt : undefined
    }))
  }
}

/**
 * An operation on the fake file or its `FileVersion`. The operation begins after the fiber has yielded `after` times.
 */
interface Step {
  readonly after: number
  /**
   * The number of times that the fiber yields before each access to the fake file. Used only if `what` is "compare" or
   * "own change".
   */
  readonly pace: number
  readonly what: "compare" | "own change" | "write" | "write, time restored" | "unlink"
}

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const steps = (...what: ReadonlyArray<Step["what"]>) =>
  Schema.Array(Schema.Struct({ after: upTo(8), pace: upTo(4), what: Schema.Literals(what) }))

const turns = (count: number): Effect.Effect<void> =>
  count === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, turns(count - 1))

/**
 * The result of a comparison. `changedBefore` is true if another program changed the file before the comparison began.
 * `changedAfter` is true if another program changed the file before the comparison ended.
 */
interface Compared {
  readonly sameButUnlinked: boolean
  readonly changedBefore: boolean
  readonly changedAfter: boolean
  readonly same: boolean
}

/**
 * Runs the steps concurrently. Returns the results of all comparisons in `compared`. `excused` is true if another
 * program wrote to the file and restored its modification time while the cache itself changed the file. `FileVersion`
 * cannot detect such a write.
 */
const run = (all: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const file = new FakeFile()
    const version = new FileVersion(yield* file.readFingerprint)
    const compared: Array<Compared> = []
    let inOurs = 0
    let changed = false
    let excused = false

    const change = (pace: number) =>
      version
        .change(Effect.andThen(turns(pace), file.readFingerprint), (still) =>
          Effect.andThen(turns(pace), () =>
            Effect.sync(() => {
              if (still) file.touch()
            })
          )
        )
        .pipe(
          (effect) =>
            Effect.suspend(() => {
              inOurs++
              return effect
            }),
          Effect.ensuring(Effect.sync(() => void inOurs--))
        )

    const happen = ({ pace, what }: Step): Effect.Effect<void, unknown> => {
      switch (what) {
        case "compare":
          return Effect.suspend(() => {
            const changedBefore = changed
            return version
              .compare(
                Effect.andThen(
                  turns(pace),
                  Effect.tap(file.readFingerprint, () => turns(pace))
                )
              )
              .pipe(
                Effect.map(
                  ({ same, sameButUnlinked }) =>
                    void compared.push({ changedBefore, changedAfter: changed, same, sameButUnlinked })
                )
              )
          })
        case "own change":
          return change(pace)
        case "write":
        case "write, time restored":
          return Effect.sync(() => {
            file.touch()
            changed = true
            if (what === "write") file.modifiedAt++
            // `FileVersion` cannot detect this write.
            else if (inOurs > 0) excused = true
          })
        case "unlink":
          return Effect.sync(() => {
            file.linked = false
            changed = true
          })
      }
    }

    yield* Effect.forEach(all, (one) => Effect.andThen(turns(one.after), happen(one)), {
      concurrency: "unbounded",
      discard: true
    })
    return { compared, excused }
  })

describe("FileVersion", () => {
  it.effect.prop(
    "stays the same through the cache's own changes",
    [steps("compare", "own change")],
    ([all]) =>
      Effect.map(run(all), ({ compared }) => {
        for (const { same } of compared) assert.isTrue(same)
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "is the same but unlinked after an unlink alone",
    [steps("compare", "own change", "unlink")],
    ([all]) =>
      Effect.map(run(all), ({ compared }) => {
        for (const { same, sameButUnlinked } of compared) assert.isTrue(same || sameButUnlinked)
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "differs after the first write by others or unlink, unless a write during an own change restores the mtime",
    [steps("compare", "own change", "write", "write, time restored", "unlink")],
    ([all]) =>
      Effect.map(run(all), ({ compared, excused }) => {
        for (const { changedAfter, changedBefore, same } of compared) {
          if (!changedAfter) assert.isTrue(same)
          if (changedBefore && !excused) assert.isFalse(same)
        }
      }),
    { arbitrary: { runs: 2000 } }
  )
})
