import { Effect, Metric, Semaphore } from "effect"
import type { PlatformError } from "effect/PlatformError"
import * as Metrics from "../../Metrics.ts"
import type { BlobDirectory } from "./BlobDirectory.ts"
import { DiskBudget } from "./DiskBudget.ts"
import { codeOf } from "./DiskError.ts"
import type { StoreHealth } from "../../StoreHealth.ts"
import { Entries, Entry } from "./Entries.ts"
import type { BlobName } from "../../BlobName.ts"
import * as Leftovers from "./Leftovers.ts"
import type { Recovery } from "./Recovery.ts"

const evictions = {
  cap: Metric.withAttributes(Metrics.evictions, { reason: "cap" }),
  fullDisk: Metric.withAttributes(Metrics.evictions, { reason: "full_disk" })
} as const

/** The packages on disk and the space that they take. Adds and removes one at a time, so that none takes another's. */
export const make = (options: {
  readonly cap: number
  readonly directory: BlobDirectory
  readonly recovery: Recovery
  readonly health: StoreHealth
}) => {
  const { cap, directory, health, recovery } = options
  const budget = new DiskBudget(cap)
  const entries = new Entries(budget)
  const leftovers = Leftovers.make({
    unlink: directory.remove,
    failed: (cause) => health.failed("write", cause)
  })
  const exclusively = Semaphore.makeUnsafe(1).withPermits(1)
  let recovered = false
  let saidFull = false

  const report = Effect.suspend(() => Metrics.reportUsage(entries.bytes, entries.count))

  const unlinked = (entry: Entry): void => {
    entry.unlinked = true
    entries.settle(entry)
  }

  // Of an entry that nobody finds any more. Exclusively: else the unlinking could take a file that was given its name.
  const unlink = (entry: Entry): Effect.Effect<void> =>
    Effect.suspend(() => {
      const replaced = entries.named(entry.name)?.fileName === entry.fileName
      return replaced
        ? Effect.sync(() => unlinked(entry))
        : leftovers.remove(directory.entryPath(entry.fileName), () => unlinked(entry))
    })

  const dropWith =
    (around: (effect: Effect.Effect<void>) => Effect.Effect<void>) =>
    (entry: Entry): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (entries.current(entry) === undefined) return Effect.void
        entries.drop(entry)
        return Effect.andThen(around(unlink(entry)), report)
      }).pipe(Effect.uninterruptible)

  const dropNow = dropWith((effect) => effect)

  /** Drops what is found by a name's key. Two files for one key: only one can be found, so the other goes before it comes. */
  const dropTwin = (name: BlobName): Effect.Effect<void> =>
    Effect.suspend(() => {
      const twin = entries.named(name)
      return twin === undefined ? Effect.void : dropNow(twin)
    })

  const evict = (victims: ReadonlyArray<Entry>, reason: keyof typeof evictions): Effect.Effect<void> =>
    Effect.suspend(() => {
      // All at once, so that nobody opens one while another is being unlinked.
      for (const victim of victims) entries.drop(victim)
      return Effect.forEach(
        victims,
        (victim) =>
          directory.remove(directory.entryPath(victim.fileName)).pipe(
            Effect.map(() => unlinked(victim)),
            Effect.andThen(Metric.update(evictions[reason], 1)),
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
    const present = yield* recovery.find
    recovered = true
    const foreign: Array<string> = []
    for (const found of present) {
      switch (found._tag) {
        case "Entry":
          budget.chargeFound(found.name.size)
          yield* dropTwin(found.name)
          entries.insert(new Entry(found))
          break
        case "Unfinished":
          for (const size of found.sizes) budget.chargeFound(size)
          yield* leftovers.remove(found.path, () => {
            for (const size of found.sizes) budget.release(size)
          })
          break
        case "Foreign":
          budget.chargeForeign(found.size)
          foreign.push(found.path)
      }
    }
    if (foreign.length > 0) {
      yield* Effect.logWarning(
        "files in the cache directory that are not the cache's; they stay, and take its space",
        { count: foreign.length, examples: foreign.slice(0, 3) }
      )
    }
    yield* evict(entries.victims(Math.max(0, -budget.free)) ?? entries.all(), "cap")
  }).pipe(Effect.uninterruptible)

  /**
   * Charges a file's space, evicting what was used least recently. False where there is none to be had now; nothing is
   * evicted then.
   */
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
      yield* evict(victims, "cap")
      return budget.tryCharge(size)
    }).pipe(exclusively)

  const sayFull = (cause: PlatformError): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (saidFull) return Effect.void
      saidFull = true
      return Effect.logWarning("the cache's volume is full below the cap; packages are evicted earlier", {
        code: codeOf(cause),
        cap,
        used: budget.charged
      })
    })

  const freeNow = (bytes: number, cause: PlatformError): Effect.Effect<boolean> =>
    Effect.gen(function* () {
      const freed = yield* leftovers.retry
      const victims = entries.victims(bytes)
      if (victims === undefined || victims.length === 0) return freed
      yield* sayFull(cause)
      yield* evict(victims, "fullDisk")
      return true
    })

  return {
    entries,
    budget,
    leftovers,
    report,
    charge,
    /** Takes an entry out of the cache, for good. */
    drop: dropWith(exclusively),
    /**
     * Frees as many bytes on a volume that is full though the cap is not reached, by evicting what was used least
     * recently. False where they are not to be had; nothing is evicted then.
     */
    free: (bytes: number, cause: PlatformError): Effect.Effect<boolean> => exclusively(freeNow(bytes, cause)),
    /** Adds a file under its name; what is given may use what needs to be exclusive. */
    adding: <A, E>(
      add: (exclusive: {
        readonly dropTwin: typeof dropTwin
        readonly free: typeof freeNow
      }) => Effect.Effect<A, E>
    ): Effect.Effect<A, E> => exclusively(Effect.suspend(() => add({ dropTwin, free: freeNow }))),
    recover: exclusively(recover)
  }
}

export type Room = ReturnType<typeof make>
