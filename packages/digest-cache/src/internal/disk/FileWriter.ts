import { Clock, Effect, Exit, Option, Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BlobStoreError, BlobWriter } from "../../Blob.ts"
import type { BlobDirectory } from "./BlobDirectory.ts"
import { isVolumeFull } from "./DiskError.ts"
import { DiskEntry } from "./DiskEntries.ts"
import { type BlobName, descriptorOf } from "../../BlobName.ts"
import { FileVersion } from "./FileVersion.ts"
import type { DiskSpace } from "./DiskSpace.ts"
import { asStoreError } from "./StoreFailure.ts"

/**
 * Space in the cache that is reserved for one blob. Before the commit, the space belongs to the temporary file, and
 * `entry` is undefined. After the commit, the space belongs to `entry`.
 */
interface Reservation {
  readonly temporaryPath: string
  entry: DiskEntry | undefined
}

/** Runs an effect. If it fails because the volume is full and `free` returns true, runs the effect once more. */
const retryAfterFreeing = <A, R>(
  effect: Effect.Effect<A, PlatformError, R>,
  free: (cause: PlatformError) => Effect.Effect<boolean>
): Effect.Effect<A, PlatformError, R> =>
  Effect.catchIf(effect, isVolumeFull, (cause) =>
    Effect.flatMap(free(cause), (freed) => (freed ? effect : Effect.fail(cause)))
  )

/**
 * Makes the `reserve` function of a `BlobStore` that stores files. `options.release` must decrement the `holders` of
 * the entry that it receives.
 */
export const makeReserve = (options: {
  readonly directory: BlobDirectory
  readonly space: DiskSpace
  readonly release: (entry: DiskEntry) => void
}) => {
  const { directory, release, space } = options

  const reserve = (size: number) =>
    Effect.acquireRelease(
      Effect.map(space.charge(size), (charged) =>
        charged
          ? Option.some<Reservation>({ temporaryPath: directory.temporaryPath(), entry: undefined })
          : Option.none<Reservation>()
      ),
      Option.match({
        onNone: () => Effect.void,
        onSome: ({ entry, temporaryPath }) =>
          entry === undefined
            ? space.pendingDeletes.remove(temporaryPath, () => space.budget.release(size))
            : Effect.sync(() => release(entry))
      })
    )

  const open = (size: number): Effect.Effect<Option.Option<BlobWriter>, PlatformError, Scope.Scope> =>
    Effect.gen(function* () {
      const reserved = yield* reserve(size)
      if (Option.isNone(reserved)) return Option.none()
      const reservation = reserved.value
      const { temporaryPath } = reservation
      let filePath = temporaryPath
      let written = 0
      let sealed: FileVersion | undefined
      // If the volume has no free inode, one eviction is enough.
      const file = yield* retryAfterFreeing(directory.create(temporaryPath), (cause) => space.free(1, cause))
      const readFingerprint = directory.readFingerprint(file, () => filePath)
      // If `stat` does not work, fail before any reader receives a byte.
      yield* readFingerprint

      const write = (bytes: Uint8Array): Effect.Effect<void, PlatformError> =>
        // Seeks first, because an earlier failed write may have written a part of its bytes.
        retryAfterFreeing(
          Effect.andThen(file.seek(BigInt(written), "start"), file.writeAll(bytes)),
          (cause) => space.free(size - written, cause)
        ).pipe(
          Effect.map(() => {
            written += bytes.length
          }),
          Effect.uninterruptible
        )

      const seal = Effect.map(readFingerprint, (fingerprint) => (sealed = new FileVersion(fingerprint)))

      const commitAs = (name: BlobName, version: FileVersion) =>
        space
          .addExclusively(({ dropSameKey, free }) =>
            Effect.gen(function* () {
              const entry = new DiskEntry({ name, version, lastUsed: yield* Clock.currentTimeMillis })
              yield* dropSameKey(name)
              const rename = retryAfterFreeing(directory.rename(temporaryPath, entry.fileName), (cause) =>
                free(1, cause)
              )
              yield* version.change(readFingerprint, () =>
                Effect.map(rename, () => {
                  // Synchronous, so that no other fiber runs between the rename and the insertion into the index.
                  filePath = directory.entryPath(entry.fileName)
                  space.pendingDeletes.complete(filePath)
                  entry.holders++
                  reservation.entry = entry
                  space.entries.insert(entry)
                })
              )
              yield* space.report
            })
          )
          .pipe(Effect.uninterruptible)

      const writer: BlobWriter = {
        read: (into, position) => asStoreError(directory.read(file, into, position)),
        unchanged: Effect.suspend(() => {
          const { entry } = reservation
          const descriptor = entry === undefined ? undefined : descriptorOf(entry.name)
          return asStoreError(directory.unchanged(file, readFingerprint, sealed, descriptor))
        }),
        write: (bytes) => asStoreError(write(bytes)),
        seal: asStoreError(seal),
        commit: (name) =>
          Effect.suspend(() => (sealed === undefined ? seal : Effect.succeed(sealed))).pipe(
            Effect.flatMap((version) => commitAs(name, version)),
            asStoreError
          )
      }
      return Option.some(writer)
    })

  /**
   * Reserves space and creates a temporary file. None if not enough space can be freed. If the creation fails, releases
   * the space and removes the file.
   */
  return (size: number): Effect.Effect<Option.Option<BlobWriter>, BlobStoreError, Scope.Scope> =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      return yield* open(size).pipe(
        Scope.provide(scope),
        Effect.tapError(() => Scope.close(scope, Exit.void)),
        asStoreError
      )
    })
}
