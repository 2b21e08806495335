import { Clock, Effect, Exit, type FileSystem, Option, Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BodyError } from "../../BodyError.ts"
import type { BlobDirectory } from "./BlobDirectory.ts"
import { isFull } from "./DiskError.ts"
import type { DiskHealth } from "../../StoreHealth.ts"
import { Entry } from "./Entries.ts"
import type { EntryName } from "../../BlobName.ts"
import { FileVersion } from "./FileVersion.ts"
import type { Room } from "./Room.ts"

/** Space charged for one file, and the file, until the scope ends or it has become an entry. */
export interface Ingest {
  readonly file: FileSystem.File
  /** Writes the next bytes. On a full volume packages are evicted for the rest of the file, and it is tried once more. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, PlatformError>
  /** The file as it is now, all of which was written and is right. */
  readonly version: Effect.Effect<FileVersion, PlatformError>
  /** Makes the file an entry, which the scope then holds until its end. */
  readonly commit: (name: EntryName, version: FileVersion) => Effect.Effect<Entry, PlatformError>
  /** Fails where the file is not what it was. */
  readonly unchanged: (version: () => FileVersion | undefined) => Effect.Effect<void, BodyError>
}

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
  readonly health: DiskHealth
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

  const open = (size: number): Effect.Effect<Option.Option<Ingest>, PlatformError, Scope.Scope> =>
    Effect.gen(function* () {
      const reserved = yield* reserve(size)
      if (Option.isNone(reserved)) return Option.none()
      const reservation = reserved.value
      const { temporary } = reservation
      let filePath = temporary
      let written = 0
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

      const commit: Ingest["commit"] = (name, version) =>
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
              return entry
            })
          )
          .pipe(Effect.uninterruptible)

      return Option.some({
        file,
        write,
        version: Effect.map(look, (fingerprint) => new FileVersion(fingerprint, true)),
        commit,
        unchanged: (version) => directory.unchanged(look, version)
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

  return { ingest }
}
