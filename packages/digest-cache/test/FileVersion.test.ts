import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { FileVersion, type Look } from "../src/internal/FileVersion.ts"

/** A file as the system has it. Its clock has a new time at each look. */
class FakeFile {
  inode = 1n
  size = 10
  modified = 1000
  changed = 1n
  linked = true

  touch(): void {
    this.changed++
  }

  get look(): Look {
    return Effect.sync(() => ({
      inode: this.inode,
      size: this.size,
      modified: this.modified,
      changed: this.linked ? this.changed : undefined
    }))
  }
}

/** What happens, each after so many turns. */
interface Happening {
  readonly after: number
  /** How many turns the steps of a look or of a change of ours are apart. */
  readonly pace: number
  readonly what: "compare" | "last use" | "rename" | "write" | "write, time put back" | "unlink"
}

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const happenings = (...what: ReadonlyArray<Happening["what"]>) =>
  Schema.Array(Schema.Struct({ after: upTo(15), pace: upTo(4), what: Schema.Literals(what) }))

const turns = (count: number): Effect.Effect<void> =>
  count === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, turns(count - 1))

/** One comparison: whether somebody else had changed the file before it began, and before it ended. */
interface Compared {
  readonly changedBefore: boolean
  readonly changedAfter: boolean
  readonly same: boolean
}

/** Runs everything, and tells how each comparison came out, and whether a foreign change fell into one of ours. */
const run = (all: ReadonlyArray<Happening>) =>
  Effect.gen(function* () {
    const file = new FakeFile()
    const version = new FileVersion(yield* file.look, true)
    const compared: Array<Compared> = []
    let inOurs = 0
    let changed = false
    let excused = false

    const foreign = (): void => {
      file.touch()
      changed = true
      if (inOurs > 0) excused = true
    }

    const change = (pace: number, act: () => void) =>
      version
        .change(Effect.andThen(turns(pace), file.look), (still) =>
          Effect.andThen(turns(pace), () =>
            Effect.sync(() => {
              if (!still) return
              file.touch()
              act()
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

    const happen = ({ pace, what }: Happening): Effect.Effect<void, unknown> => {
      switch (what) {
        case "compare":
          return Effect.suspend(() => {
            const changedBefore = changed
            return version
              .compare(
                Effect.andThen(
                  turns(pace),
                  Effect.tap(file.look, () => turns(pace))
                )
              )
              .pipe(
                Effect.map(({ same }) => void compared.push({ changedBefore, changedAfter: changed, same }))
              )
          })
        case "last use":
          return change(pace, () => {
            file.modified = version.modified
          })
        case "rename":
          return change(pace, () => {})
        case "write":
          return Effect.sync(() => {
            file.modified++
            foreign()
          })
        case "write, time put back":
          return Effect.sync(foreign)
        case "unlink":
          return Effect.sync(() => {
            file.linked = false
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
    "is the same whatever the cache does to it, also once it has lost its name",
    [happenings("compare", "last use", "rename", "unlink")],
    ([all]) =>
      Effect.map(run(all), ({ compared }) => {
        for (const { same } of compared) assert.isTrue(same)
      }),
    { arbitrary: { runs: 1000 } }
  )

  it.effect.prop(
    "is another from the first foreign write on, wherever it falls but into a change of our own",
    [happenings("compare", "last use", "rename", "write", "write, time put back")],
    ([all]) =>
      Effect.map(run(all), ({ compared, excused }) => {
        for (const { changedAfter, changedBefore, same } of compared) {
          if (!changedAfter) assert.isTrue(same)
          if (changedBefore && !excused) assert.isFalse(same)
        }
      }),
    { arbitrary: { runs: 1000 } }
  )
})
