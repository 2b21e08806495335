import { Clock, Effect, Option, Schedule } from "effect"
import type { StoredBlob } from "../../Blob.ts"
import type { PackageKey } from "../../DigestCache.ts"
import * as StoreHealth from "../../StoreHealth.ts"
import * as BlobDirectory from "./BlobDirectory.ts"
import type { Entry } from "./Entries.ts"
import * as EntryReader from "./EntryReader.ts"
import * as FileWriter from "./FileWriter.ts"
import * as Recovery from "./Recovery.ts"
import * as Room from "./Room.ts"

/** How often last uses are written to disk. */
const saveInterval = "30 seconds"

/** `BlobStore` over a directory: which files there are, what room they take, and whether the disk works. */
export const make = Effect.fnUntraced(function* (options: {
  readonly directory: string
  readonly cap: number
}) {
  const clock = yield* Clock.Clock
  const directory = yield* BlobDirectory.make(options.directory)
  const recovery = yield* Recovery.make(directory)
  const health = StoreHealth.make("the cache directory")
  const room = Room.make({ cap: options.cap, directory, recovery, health })
  const { budget, entries } = room

  const release = (entry: Entry): void => {
    entry.users--
    entries.settle(entry)
  }

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
    find: (key: PackageKey) => Effect.sync(() => Option.fromUndefinedOr(entries.find(key))),
    admits: (size: number) => budget.admits(size),
    reserve: FileWriter.make({ directory, health, room, release }),
    open: EntryReader.make({ directory, room, release }),
    touch: (key: PackageKey): void => {
      const entry = entries.find(key)
      if (entry !== undefined) entries.useAt(entry, clock.currentTimeMillisUnsafe())
    },
    remove: (blob: StoredBlob): Effect.Effect<void> =>
      Effect.suspend(() => {
        const entry = entries.current(blob)
        return entry === undefined ? Effect.void : room.drop(entry)
      }),
    list: Effect.sync(() => entries.names()),
    health
  }
})
