import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { FileVersion, type Look } from "../../../src/internal/disk/FileVersion.ts"

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
  readonly what: "compare" | "change of ours" | "write" | "write, time put back" | "unlink"
}

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const happenings = (...what: ReadonlyArray<Happening["what"]>) =>
  Schema.Array(Schema.Struct({ after: upTo(8), pace: upTo(4), what: Schema.Literals(what) }))

const turns = (count: number): Effect.Effect<void> =>
  count === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, turns(count - 1))

/** One comparison: whether somebody else had changed the file before it began, and before it ended. */
interface Compared {
  readonly unnamed: boolean
  readonly changedBefore: boolean
  readonly changedAfter: boolean
  readonly same: boolean
}

/** Runs everything, and tells how each comparison came out, and whether a foreign change fell into one of ours. */
const run = (all: ReadonlyArray<Happening>) =>
  Effect.gen(function* () {
    const file = new FakeFile()
    const version = new FileVersion(yield* file.look)
    const compared: Array<Compared> = []
    let inOurs = 0
    let changed = false
    let excused = false

    const change = (pace: number) =>
      version
        .change(Effect.andThen(turns(pace), file.look), (still) =>
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
                Effect.map(
                  ({ same, unnamed }) =>
                    void compared.push({ changedBefore, changedAfter: changed, same, unnamed })
                )
              )
          })
        case "change of ours":
          return change(pace)
        case "write":
        case "write, time put back":
          return Effect.sync(() => {
            file.touch()
            changed = true
            if (what === "write") file.modified++
            // Nobody can see this one.
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
    "is the same whatever the cache does to it",
    [happenings("compare", "change of ours")],
    ([all]) =>
      Effect.map(run(all), ({ compared }) => {
        for (const { same } of compared) assert.isTrue(same)
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "is the same but for its name where it lost that and nothing else",
    [happenings("compare", "change of ours", "unlink")],
    ([all]) =>
      Effect.map(run(all), ({ compared }) => {
        for (const { same, unnamed } of compared) assert.isTrue(same || unnamed)
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "is another from the first foreign write or loss of its name on, unless a write in a change of our own puts its time back",
    [happenings("compare", "change of ours", "write", "write, time put back", "unlink")],
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
