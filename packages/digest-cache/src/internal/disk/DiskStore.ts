import { Clock, Effect, Option, Schedule } from "effect"
import type { StoredBlob } from "../../Blob.ts"
import type { PackageKey } from "../../PackageKey.ts"
import * as StoreHealth from "../../StoreHealth.ts"
import * as BlobDirectory from "./BlobDirectory.ts"
import type { DiskEntry } from "./DiskEntries.ts"
import * as FileReader from "./FileReader.ts"
import * as FileWriter from "./FileWriter.ts"
import * as Recovery from "./Recovery.ts"
import * as DiskSpace from "./DiskSpace.ts"

/** The interval at which the times of last use are saved to disk. */
const saveInterval = "30 seconds"

/** Makes a `BlobStore` that stores blobs as files in a directory. */
export const make = Effect.fnUntraced(function* (options: {
  readonly directory: string
  readonly cap: number
}) {
  const clock = yield* Clock.Clock
  const directory = yield* BlobDirectory.make(options.directory)
  const recovery = yield* Recovery.make(directory)
  const health = StoreHealth.make("cache directory")
  const space = DiskSpace.make({ cap: options.cap, directory, recovery, health })
  const { budget, entries } = space

  const release = (entry: DiskEntry): void => {
    entry.holders--
    entries.releaseIfUnused(entry)
  }

  const saveLastUses = Effect.suspend(() =>
    Effect.forEach(
      entries.unsaved(),
      (entry) => {
        entry.unsaved = false
        // The file was never opened, so it was never used.
        if (entry.version === undefined) return Effect.void
        // If the save fails, the package may be evicted too early after a restart.
        return Effect.ignore(directory.saveLastUse(entry.fileName, entry.lastUsed, entry.version))
      },
      { discard: true }
    )
  )

  yield* Effect.catch(space.recover, (cause) => health.recordFailure("write", cause))
  yield* space.report
  yield* Effect.addFinalizer(() => saveLastUses)
  yield* saveLastUses.pipe(Effect.delay(saveInterval), Effect.repeat(Schedule.forever), Effect.forkScoped)

  return {
    find: (key: PackageKey) => Effect.sync(() => Option.fromUndefinedOr(entries.find(key))),
    admits: (size: number) => budget.admits(size),
    reserve: FileWriter.makeReserve({ directory, space, release }),
    open: FileReader.makeOpen({ directory, space, release }),
    touch: (key: PackageKey): void => {
      const entry = entries.find(key)
      if (entry !== undefined) entries.touchAt(entry, clock.currentTimeMillisUnsafe())
    },
    remove: (blob: StoredBlob): Effect.Effect<void> =>
      Effect.suspend(() => {
        const entry = entries.current(blob)
        return entry === undefined ? Effect.void : space.drop(entry)
      }),
    list: Effect.sync(() => entries.names()),
    health
  }
})
