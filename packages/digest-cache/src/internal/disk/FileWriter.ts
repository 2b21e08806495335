import { Clock, Effect, Exit, Option, Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BlobStoreError, BlobWriter } from "../../Blob.ts"
import type { BlobDirectory } from "./BlobDirectory.ts"
import { isFull } from "./DiskError.ts"
import type { StoreHealth } from "../../StoreHealth.ts"
import { Entry } from "./Entries.ts"
import { type BlobName, descriptorOf } from "../../BlobName.ts"
import { FileVersion } from "./FileVersion.ts"
import type { Room } from "./Room.ts"
import { asStoreError } from "./StoreFailure.ts"

/** Space charged for a file, or for the entry it has become. */
interface Reservation {
  readonly temporary: string
  entry: Entry | undefined
}

/** Tries once more where the volume was full and some of it could be freed. */
const retryFreed = <A, R>(
  effect: Effect.Effect<A, PlatformError, R>,
  free: (cause: PlatformError) => Effect.Effect<boolean>
): Effect.Effect<A, PlatformError, R> =>
  Effect.catchIf(effect, isFull, (cause) =>
    Effect.flatMap(free(cause), (freed) => (freed ? effect : Effect.fail(cause)))
  )

/** Files on their way into the cache. */
export const make = (options: {
  readonly directory: BlobDirectory
  readonly health: StoreHealth
  readonly room: Room
  readonly release: (entry: Entry) => void
}) => {
  const { directory, health, release, room } = options

  const reserve = (size: number) =>
    Effect.acquireRelease(
      Effect.map(room.charge(size), (charged) =>
        charged
          ? Option.some<Reservation>({ temporary: directory.temporaryPath(), entry: undefined })
          : Option.none<Reservation>()
      ),
      Option.match({
        onNone: () => Effect.void,
        onSome: ({ entry, temporary }) =>
          entry === undefined
            ? room.leftovers.remove(temporary, () => room.budget.release(size))
            : Effect.sync(() => release(entry))
      })
    )

  const open = (size: number): Effect.Effect<Option.Option<BlobWriter>, PlatformError, Scope.Scope> =>
    Effect.gen(function* () {
      const reserved = yield* reserve(size)
      if (Option.isNone(reserved)) return Option.none()
      const reservation = reserved.value
      const { temporary } = reservation
      let filePath = temporary
      let written = 0
      let sealed: FileVersion | undefined
      // Where no inode is left, one file less is enough.
      const file = yield* retryFreed(directory.create(temporary), (cause) => room.free(1, cause))
      const look = directory.look(file, () => filePath)
      // A disk that cannot say what it holds is found out before anyone has a byte of it.
      yield* look

      const write = (bytes: Uint8Array): Effect.Effect<void, PlatformError> =>
        // Part of it may have been written before it failed.
        retryFreed(Effect.andThen(file.seek(BigInt(written), "start"), file.writeAll(bytes)), (cause) =>
          room.free(size - written, cause)
        ).pipe(
          Effect.map(() => {
            written += bytes.length
          }),
          Effect.uninterruptible
        )

      const seal = Effect.map(look, (fingerprint) => (sealed = new FileVersion(fingerprint)))

      const commitAs = (name: BlobName, version: FileVersion) =>
        room
          .adding(({ dropTwin, free }) =>
            Effect.gen(function* () {
              const entry = new Entry({ name, version, lastUsed: yield* Clock.currentTimeMillis })
              yield* dropTwin(name)
              const rename = retryFreed(directory.rename(temporary, entry.fileName), (cause) =>
                free(1, cause)
              )
              yield* version.change(look, () =>
                Effect.map(rename, () => {
                  // No step may come between the file's new name and its being known by it.
                  filePath = directory.entryPath(entry.fileName)
                  room.leftovers.gone(filePath)
                  entry.users++
                  reservation.entry = entry
                  room.entries.insert(entry)
                })
              )
              // A file that was written was also opened, and read by whoever follows it.
              yield* Effect.all([health.works("write"), health.works("read"), room.report], { discard: true })
            })
          )
          .pipe(Effect.uninterruptible)

      const writer: BlobWriter = {
        read: (into, position) => asStoreError(directory.read(file, into, position)),
        unchanged: Effect.suspend(() => {
          const { entry } = reservation
          const descriptor = entry === undefined ? undefined : descriptorOf(entry.name)
          return asStoreError(directory.unchanged(file, look, sealed, descriptor))
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

  /** Creates a file in space that is reserved for it. Where the disk fails nothing is left of it. */
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
