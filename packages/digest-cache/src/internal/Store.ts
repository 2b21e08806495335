import { Clock, Effect, type FileSystem, Metric, Option, type Path, Schedule, type Scope, Semaphore } from "effect"
import type { PlatformError } from "effect/PlatformError"
import * as Metrics from "../Metrics.ts"
import * as BlobDirectory from "./BlobDirectory.ts"
import { DiskBudget } from "./DiskBudget.ts"
import { Entries, Entry, type Fingerprint } from "./Entries.ts"
import type { EntryName } from "./EntryName.ts"

/** How often last uses are written to disk. */
const saveInterval = "30 seconds"

/** Space charged for one file, and the file, until the scope ends or it has become an entry. */
export interface Ingest {
  readonly file: FileSystem.File
  /** Makes the file an entry, which the scope then holds until its end. */
  readonly commit: (name: EntryName) => Effect.Effect<Entry, PlatformError>
}

/** Space charged for a file, or for the entry it has become. */
interface Reservation {
  entry: Entry | undefined
}

/** The packages on disk: which there are, what room they take, and whether the disk works. */
export const make = Effect.fnUntraced(function* (options: { readonly directory: string; readonly cap: number }) {
  const directory = yield* BlobDirectory.make(options.directory)
  const budget = new DiskBudget(options.cap)
  const entries = new Entries(budget)
  const making = Semaphore.makeUnsafe(1)
  let degraded = false

  const report = Effect.suspend(() =>
    Effect.all(
      [
        Metric.update(Metrics.cacheSize, entries.bytes),
        Metric.update(Metrics.entries, entries.count),
        Metric.update(Metrics.degraded, degraded ? 1 : 0)
      ],
      { discard: true }
    )
  )

  const failed = (cause: unknown): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (degraded) return Effect.void
      degraded = true
      return Effect.andThen(
        Effect.logWarning("the cache directory fails; packages pass by the cache until it works again", cause),
        report
      )
    })

  const works = Effect.suspend(() => {
    if (!degraded) return Effect.void
    degraded = false
    return Effect.andThen(Effect.logInfo("the cache directory works again"), report)
  })

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

  /** Takes an entry out of the cache. Where the file cannot be unlinked it goes on counting: it is still there. */
  const drop = (entry: Entry): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (entry.dropped || !entries.has(entry)) return Effect.void
      entries.drop(entry)
      return directory.remove(entry.fileName).pipe(
        Effect.tap(
          Effect.sync(() => {
            entry.unlinked = true
            entries.settle(entry)
          })
        ),
        Effect.catch(failed),
        Effect.andThen(report)
      )
    }).pipe(Effect.uninterruptible)

  // Two files for one key: only one can be found, so the other goes before it comes.
  const dropTwin = (name: EntryName): Effect.Effect<void> =>
    Effect.suspend(() => {
      const twin = entries.named(name)
      return twin === undefined ? Effect.void : drop(twin)
    })

  const evictFor = (size: number): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      if (!budget.admits(size)) return Effect.succeed(false)
      if (budget.tryCharge(size)) return Effect.succeed(true)
      const victims = entries.victims(budget.shortage(size))
      if (victims === undefined) return Effect.succeed(false)
      return Effect.forEach(victims, drop, { discard: true }).pipe(
        Effect.andThen(Metric.update(Metrics.evictions, victims.length)),
        Effect.map(() => budget.tryCharge(size))
      )
    })

  /**
   * Charges space for a file, making room by evicting what was not used longest, until the scope ends. None where it
   * cannot be had now; nothing is evicted then.
   */
  const reserve = (size: number) =>
    Effect.acquireRelease(
      making.withPermits(1)(evictFor(size)).pipe(
        Effect.map((charged) => (charged ? Option.some<Reservation>({ entry: undefined }) : Option.none()))
      ),
      Option.match({
        onNone: () => Effect.void,
        onSome: ({ entry }) => Effect.sync(() => (entry === undefined ? budget.release(size) : release(entry)))
      })
    )

  /** Reserves space and creates a file in it; none where there is no room, or where the disk fails. */
  const ingest = (size: number): Effect.Effect<Option.Option<Ingest>, never, Scope.Scope> =>
    Effect.gen(function* () {
      const reservation = yield* reserve(size)
      if (Option.isNone(reservation)) return Option.none()
      const created = yield* directory.create
      const commit: Ingest["commit"] = (name) =>
        Effect.gen(function* () {
          const lastUsed = yield* Clock.currentTimeMillis
          const entry = new Entry({
            name,
            fingerprint: { inode: 0n, size, modified: 0 },
            verified: true,
            lastUsed
          })
          yield* dropTwin(name)
          entry.fingerprint = yield* created.commit(entry.fileName)
          entry.users++
          reservation.value.entry = entry
          entries.insert(entry)
          yield* works
          yield* report
          return entry
        }).pipe(Effect.uninterruptible)
      return Option.some({ file: created.file, commit })
    }).pipe(Effect.catch((cause) => Effect.as(failed(cause), Option.none())))

  const saveLastUses = Effect.suspend(() =>
    Effect.forEach(
      entries.unsaved(),
      (entry) =>
        directory.saveLastUse(entry.fileName, entry.lastUsed, entry.fingerprint).pipe(
          Effect.map(
            Option.match({
              onNone: () => undefined,
              onSome: (fingerprint: Fingerprint) => {
                entry.fingerprint = fingerprint
              }
            })
          ),
          // A last use that could not be saved costs an entry its place in line, nothing else.
          Effect.ignore,
          Effect.ensuring(
            Effect.sync(() => {
              entry.unsaved = false
            })
          )
        ),
      { discard: true }
    )
  )

  const recover = Effect.gen(function* () {
    const foreign: Array<string> = []
    for (const found of yield* directory.recover) {
      if (found._tag === "Foreign") {
        budget.chargeFound(found.size)
        foreign.push(found.path)
      } else {
        yield* dropTwin(found.name)
        budget.chargeFound(found.fingerprint.size)
        entries.insert(new Entry({ ...found, verified: false }))
      }
    }
    if (foreign.length > 0) {
      yield* Effect.logWarning("files in the cache directory that are not the cache's; they stay, and take its space", {
        count: foreign.length,
        examples: foreign.slice(0, 3)
      })
    }
    yield* Effect.forEach(entries.victims(Math.max(0, -budget.free)) ?? entries.all(), drop, { discard: true })
  })

  yield* recover.pipe(Effect.catch(failed))
  yield* report
  yield* Effect.addFinalizer(() => saveLastUses)
  yield* saveLastUses.pipe(Effect.delay(saveInterval), Effect.repeat(Schedule.forever), Effect.forkScoped)

  return {
    entries,
    directory,
    admits: (size: number): boolean => budget.admits(size),
    ingest,
    retain,
    drop,
    failed,
    works,
    use: (entry: Entry): Effect.Effect<void> =>
      Effect.map(Clock.currentTimeMillis, (now) => entries.use(entry, now)),
    degraded: Effect.sync(() => degraded)
  }
})

export type Store = Effect.Success<ReturnType<typeof make>>
export type Requirements = FileSystem.FileSystem | Path.Path
