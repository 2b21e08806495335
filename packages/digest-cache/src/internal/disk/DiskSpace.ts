import { Effect, Metric, Semaphore } from "effect"
import type { PlatformError } from "effect/PlatformError"
import * as Metrics from "../../Metrics.ts"
import type { BlobDirectory } from "./BlobDirectory.ts"
import { DiskBudget } from "./DiskBudget.ts"
import { errorCode } from "./DiskError.ts"
import type { StoreHealth } from "../../StoreHealth.ts"
import { DiskEntries, DiskEntry } from "./DiskEntries.ts"
import type { BlobName } from "../../BlobName.ts"
import * as PendingDeletes from "./PendingDeletes.ts"
import type { Recovery } from "./Recovery.ts"

/**
 * Makes a `DiskSpace`, which reserves and releases disk space for packages, and evicts packages. Only one reservation,
 * eviction, removal or commit runs at a time.
 */
export const make = (options: {
  readonly cap: number
  readonly directory: BlobDirectory
  readonly recovery: Recovery
  readonly health: StoreHealth
}) => {
  const { cap, directory, health, recovery } = options
  const budget = new DiskBudget(cap)
  const entries = new DiskEntries(budget)
  const pendingDeletes = PendingDeletes.make({
    unlink: directory.remove,
    onFailure: (cause) => health.recordFailure("write", cause)
  })
  const exclusively = Semaphore.makeUnsafe(1).withPermits(1)
  let recovered = false
  let loggedVolumeFull = false

  const report = Effect.suspend(() => Metrics.reportUsage(entries.bytes, entries.count))

  const unlinked = (entry: DiskEntry): void => {
    entry.unlinked = true
    entries.releaseIfUnused(entry)
  }

  // Deletes the file of a dropped entry. Must run exclusively. Otherwise, it could delete a new file with the same
  // name.
  const unlink = (entry: DiskEntry): Effect.Effect<void> =>
    Effect.suspend(() => {
      const replaced = entries.findByName(entry.name)?.fileName === entry.fileName
      return replaced
        ? Effect.sync(() => unlinked(entry))
        : pendingDeletes.remove(directory.entryPath(entry.fileName), () => unlinked(entry))
    })

  const dropWith =
    (around: (effect: Effect.Effect<void>) => Effect.Effect<void>) =>
    (entry: DiskEntry): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (entries.current(entry) === undefined) return Effect.void
        entries.drop(entry)
        return Effect.andThen(around(unlink(entry)), report)
      }).pipe(Effect.uninterruptible)

  const dropNow = dropWith((effect) => effect)

  /** Drops the entry that has the same key as `name`, before its replacement is inserted. */
  const dropSameKey = (name: BlobName): Effect.Effect<void> =>
    Effect.suspend(() => {
      const replaced = entries.findByName(name)
      return replaced === undefined ? Effect.void : dropNow(replaced)
    })

  const evict = (victims: ReadonlyArray<DiskEntry>, reason: Metrics.EvictionReason): Effect.Effect<void> =>
    Effect.suspend(() => {
      // Drops all victims before it unlinks the first file, so that no caller opens a victim meanwhile.
      for (const victim of victims) entries.drop(victim)
      return Effect.forEach(
        victims,
        (victim) =>
          directory.remove(directory.entryPath(victim.fileName)).pipe(
            Effect.map(() => unlinked(victim)),
            Effect.andThen(Metric.update(Metrics.evicted({ reason }), 1)),
            // A file that cannot be unlinked can still be served.
            Effect.catch((cause) =>
              Effect.andThen(
                Effect.sync(() => entries.restore(victim)),
                health.recordFailure("write", cause)
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
          yield* dropSameKey(found.name)
          entries.insert(new DiskEntry(found))
          break
        case "Unfinished":
          for (const size of found.sizes) budget.chargeFound(size)
          yield* pendingDeletes.remove(found.path, () => {
            for (const size of found.sizes) budget.release(size)
          })
          break
        case "Foreign":
          budget.chargeForeign(found.size)
          foreign.push(found.path)
      }
    }
    if (foreign.length > 0) {
      yield* Effect.logWarning("foreign files in the cache directory count against the cap", {
        count: foreign.length,
        examples: foreign.slice(0, 3)
      })
    }
    yield* evict(entries.victims(Math.max(0, -budget.free)) ?? entries.all(), "cap")
  }).pipe(Effect.uninterruptible)

  /**
   * Reserves disk space for a file of `size` bytes, and returns true. If the free space is too small, first evicts the
   * least recently used packages that are not open. If the eviction of all these packages would not free enough space,
   * evicts nothing and returns false.
   */
  const charge = (size: number): Effect.Effect<boolean, PlatformError> =>
    Effect.gen(function* () {
      // The cap can be enforced only after the files on disk are known.
      if (!recovered) yield* recover
      if (!budget.admits(size)) return false
      if (budget.tryCharge(size)) return true
      yield* pendingDeletes.retry
      if (budget.tryCharge(size)) return true
      const victims = entries.victims(budget.shortage(size))
      if (victims === undefined) return false
      yield* evict(victims, "cap")
      return budget.tryCharge(size)
    }).pipe(exclusively)

  const logVolumeFull = (cause: PlatformError): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (loggedVolumeFull) return Effect.void
      loggedVolumeFull = true
      return Effect.logWarning("cache volume is full below the cap; evicting packages", {
        code: errorCode(cause),
        cap,
        used: budget.charged
      })
    })

  const freeNow = (bytes: number, cause: PlatformError): Effect.Effect<boolean> =>
    Effect.gen(function* () {
      const freed = yield* pendingDeletes.retry
      const victims = entries.victims(bytes)
      if (victims === undefined || victims.length === 0) return freed
      yield* logVolumeFull(cause)
      yield* evict(victims, "full_disk")
      return true
    })

  return {
    entries,
    budget,
    pendingDeletes,
    report,
    charge,
    /** Removes an entry from the index, and deletes its file. Does nothing if the entry was already removed. */
    drop: dropWith(exclusively),
    /**
     * Tries to free `bytes` bytes on a volume that is full although the cap is not reached. Retries pending deletes,
     * and then evicts the least recently used packages. Evicts nothing if eviction cannot free `bytes` bytes. Returns
     * true if a pending delete succeeded or an eviction was attempted.
     */
    free: (bytes: number, cause: PlatformError): Effect.Effect<boolean> => exclusively(freeNow(bytes, cause)),
    /** Runs `add` with exclusive access to the entries. Passes `add` the operations that require this access. */
    addExclusively: <A, E>(
      add: (exclusive: {
        readonly dropSameKey: typeof dropSameKey
        readonly free: typeof freeNow
      }) => Effect.Effect<A, E>
    ): Effect.Effect<A, E> => exclusively(Effect.suspend(() => add({ dropSameKey, free: freeNow }))),
    recover: exclusively(recover)
  }
}

export type DiskSpace = ReturnType<typeof make>
