import { Clock, Effect, Schedule, type Scope } from "effect"
import * as BlobDirectory from "./BlobDirectory.ts"
import * as DiskHealth from "../../StoreHealth.ts"
import type { Entry } from "./Entries.ts"
import * as Ingest from "./FileWriter.ts"
import * as Recovery from "./Recovery.ts"
import * as Room from "./Room.ts"

/** How often last uses are written to disk. */
const saveInterval = "30 seconds"

/** The packages on disk: which there are, what room they take, and whether the disk works. */
export const make = Effect.fnUntraced(function* (options: {
  readonly directory: string
  readonly cap: number
}) {
  const directory = yield* BlobDirectory.make(options.directory)
  const recovery = yield* Recovery.make(directory)
  const health = DiskHealth.make()
  const room = Room.make({ cap: options.cap, directory, recovery, health })
  const { budget, entries } = room

  const release = (entry: Entry): void => {
    entry.users--
    entries.settle(entry)
  }

  /** Holds an entry, so that its space is not given away, until the scope ends. */
  const retain = (entry: Entry): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        entry.users++
      }),
      () => Effect.sync(() => release(entry))
    )

  const { ingest } = Ingest.make({ directory, health, room, release })

  const saveLastUses = Effect.suspend(() =>
    Effect.forEach(
      entries.unsaved(),
      (entry) => {
        entry.unsaved = false
        // Never looked at, so never used either.
        if (entry.version === undefined) return Effect.void
        // A last use that could not be saved costs an entry its place in line, nothing else.
        return Effect.ignore(directory.saveLastUse(entry.fileName, entry.lastUsed, entry.version))
      },
      { discard: true }
    )
  )

  yield* Effect.catch(room.recover, (cause) => health.failed("write", cause))
  yield* room.report
  yield* Effect.addFinalizer(() => saveLastUses)
  yield* saveLastUses.pipe(Effect.delay(saveInterval), Effect.repeat(Schedule.forever), Effect.forkScoped)

  return {
    entries,
    budget,
    directory,
    health,
    ingest,
    retain,
    drop: room.drop,
    use: (entry: Entry): Effect.Effect<void> =>
      Effect.map(Clock.currentTimeMillis, (now) => entries.use(entry, now))
  }
})

export type Store = Effect.Success<ReturnType<typeof make>>
