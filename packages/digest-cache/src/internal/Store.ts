import { Clock, Effect, Exit, type FileSystem, Metric, Option, Schedule, Scope, Semaphore } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BodyError } from "../BodyError.ts"
import * as Metrics from "../Metrics.ts"
import * as BlobDirectory from "./BlobDirectory.ts"
import { DiskBudget } from "./DiskBudget.ts"
import * as DiskHealth from "./DiskHealth.ts"
import { Entries, Entry, type Fingerprint, sameFingerprint } from "./Entries.ts"
import type { EntryName } from "./EntryName.ts"
import * as Leftovers from "./Leftovers.ts"

/** How often last uses are written to disk. */
const saveInterval = "30 seconds"

/** Space charged for one file, and the file, until the scope ends or it has become an entry. */
export interface Ingest {
  readonly file: FileSystem.File
  /** What the file is like now. */
  readonly fingerprint: Effect.Effect<Fingerprint, PlatformError>
  /**
   * Makes the file an entry, which the scope then holds until its end; verified where the file still is what it was
   * when its bytes were.
   */
  readonly commit: (name: EntryName, known: Fingerprint | undefined) => Effect.Effect<Entry, PlatformError>
  /** Fails where the file is seen not to be what it was. */
  readonly unchanged: (known: () => Fingerprint | undefined) => Effect.Effect<void, BodyError>
}

/** Space charged for a file, or for the entry it has become. */
interface Reservation {
  entry: Entry | undefined
}

/** The packages on disk: which there are, what room they take, and whether the disk works. */
export const make = Effect.fnUntraced(function* (options: {
  readonly directory: string
  readonly cap: number
}) {
  const directory = yield* BlobDirectory.make(options.directory)
  const budget = new DiskBudget(options.cap)
  const entries = new Entries(budget)
  const health = DiskHealth.make()
  const leftovers = Leftovers.make({
    unlink: directory.remove,
    failed: (cause) => health.failed("write", cause)
  })
  // What makes room or adds an entry: one at a time, so that none takes what another has just freed.
  const changing = Semaphore.makeUnsafe(1)
  let recovered = false

  const report = Effect.suspend(() =>
    Effect.all(
      [Metric.update(Metrics.cacheSize, entries.bytes), Metric.update(Metrics.entries, entries.count)],
      {
        discard: true
      }
    )
  )

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

  const unlinked = (entry: Entry) => (): void => {
    entry.unlinked = true
    entries.settle(entry)
  }

  /** Takes an entry out of the cache, for good. */
  const drop = (entry: Entry): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (!entries.has(entry)) return Effect.void
      entries.drop(entry)
      return Effect.andThen(leftovers.remove(directory.entryPath(entry.fileName), unlinked(entry)), report)
    })

  // Two files for one key: only one can be found, so the other goes before it comes.
  const dropTwin = (name: EntryName): Effect.Effect<void> =>
    Effect.suspend(() => {
      const twin = entries.named(name)
      return twin === undefined ? Effect.void : drop(twin)
    })

  const evict = (victims: ReadonlyArray<Entry>): Effect.Effect<void> =>
    Effect.suspend(() => {
      // All at once, so that nobody opens one while another is being unlinked.
      for (const victim of victims) entries.drop(victim)
      return Effect.forEach(
        victims,
        (victim) =>
          directory.remove(directory.entryPath(victim.fileName)).pipe(
            Effect.map(unlinked(victim)),
            Effect.andThen(Metric.update(Metrics.evictions, 1)),
            // It is still there and still right: it can as well be served.
            Effect.catch((cause) =>
              Effect.andThen(
                Effect.sync(() => entries.restore(victim)),
                health.failed("write", cause)
              )
            )
          ),
        { discard: true }
      )
    }).pipe(Effect.andThen(report), Effect.uninterruptible)

  const recover = Effect.gen(function* () {
    const present = yield* directory.recover
    recovered = true
    const foreign: Array<string> = []
    for (const found of present) {
      if (found._tag === "Foreign") {
        budget.chargeForeign(found.size)
        foreign.push(found.path)
      } else {
        budget.chargeFound(found.fingerprint.size)
        yield* dropTwin(found.name)
        entries.insert(new Entry({ ...found, verified: false }))
      }
    }
    if (foreign.length > 0) {
      yield* Effect.logWarning(
        "files in the cache directory that are not the cache's; they stay, and take its space",
        {
          count: foreign.length,
          examples: foreign.slice(0, 3)
        }
      )
    }
    yield* evict(entries.victims(Math.max(0, -budget.free)) ?? entries.all())
  }).pipe(Effect.uninterruptible)

  const charge = (size: number): Effect.Effect<boolean, PlatformError> =>
    Effect.gen(function* () {
      // What is on disk has to be known before anything is added to it.
      if (!recovered) yield* recover
      if (!budget.admits(size)) return false
      if (budget.tryCharge(size)) return true
      yield* leftovers.retry
      if (budget.tryCharge(size)) return true
      const victims = entries.victims(budget.shortage(size))
      if (victims === undefined) return false
      yield* evict(victims)
      return budget.tryCharge(size)
    }).pipe(changing.withPermits(1))

  /**
   * Charges space for a file, making room by evicting what was not used longest, until the scope ends. None where it
   * cannot be had now; nothing is evicted then.
   */
  const reserve = (size: number, temporary: string) =>
    Effect.acquireRelease(
      Effect.map(charge(size), (charged) =>
        charged ? Option.some<Reservation>({ entry: undefined }) : Option.none<Reservation>()
      ),
      Option.match({
        onNone: () => Effect.void,
        onSome: ({ entry }) =>
          entry === undefined
            ? leftovers.remove(temporary, () => budget.release(size))
            : Effect.sync(() => release(entry))
      })
    )

  const open = (size: number): Effect.Effect<Option.Option<Ingest>, PlatformError, Scope.Scope> =>
    Effect.gen(function* () {
      const temporary = directory.temporaryPath()
      const reservation = yield* reserve(size, temporary)
      if (Option.isNone(reservation)) return Option.none()
      const file = yield* directory.create(temporary)
      const commit: Ingest["commit"] = (name, known) =>
        Effect.gen(function* () {
          const fingerprint = yield* directory.fingerprint(file)
          const entry = new Entry({
            name,
            fingerprint,
            verified: known !== undefined && sameFingerprint(known, fingerprint),
            lastUsed: yield* Clock.currentTimeMillis
          })
          yield* dropTwin(name)
          yield* directory.rename(temporary, entry.fileName)
          // No step may come between the file's new name and its being known by it.
          leftovers.gone(directory.entryPath(entry.fileName))
          entry.users++
          reservation.value.entry = entry
          entries.insert(entry)
          // A file that was written was also opened, and read by whoever follows it.
          yield* Effect.all([health.works("write"), health.works("read"), report], { discard: true })
          return entry
        }).pipe(changing.withPermits(1), Effect.uninterruptible)
      return Option.some({
        file,
        fingerprint: directory.fingerprint(file),
        commit,
        unchanged: (known) => directory.unchanged(file, known)
      })
    })

  /** Reserves space and creates a file in it; none where there is no room, or where the disk fails. */
  const ingest = (size: number): Effect.Effect<Option.Option<Ingest>, never, Scope.Scope> =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      return yield* open(size).pipe(
        Scope.provide(scope),
        Effect.catch((cause) =>
          Effect.andThen(
            Scope.close(scope, Exit.void),
            Effect.as(health.failed("write", cause), Option.none())
          )
        )
      )
    })

  const saveLastUses = Effect.suspend(() =>
    Effect.forEach(
      entries.unsaved(),
      (entry) => {
        entry.unsaved = false
        // A last use that could not be saved costs an entry its place in line, nothing else.
        return Effect.ignore(directory.saveLastUse(entry.fileName, entry.lastUsed, entry.fingerprint))
      },
      { discard: true }
    )
  )

  yield* Effect.catch(recover, (cause) => health.failed("write", cause))
  yield* report
  yield* Effect.addFinalizer(() => saveLastUses)
  yield* saveLastUses.pipe(Effect.delay(saveInterval), Effect.repeat(Schedule.forever), Effect.forkScoped)

  return {
    entries,
    budget,
    directory,
    health,
    ingest,
    retain,
    drop,
    use: (entry: Entry): Effect.Effect<void> =>
      Effect.map(Clock.currentTimeMillis, (now) => entries.use(entry, now))
  }
})

export type Store = Effect.Success<ReturnType<typeof make>>
