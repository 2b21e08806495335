import { Effect, Option, type Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BlobStoreError, OpenBlob, StoredBlob } from "../../Blob.ts"
import { descriptorOf } from "../../BlobName.ts"
import type { BlobDirectory } from "./BlobDirectory.ts"
import type { Entry } from "./Entries.ts"
import type { FileVersion, Look } from "./FileVersion.ts"
import type { Room } from "./Room.ts"
import { asStoreError } from "./StoreFailure.ts"

/** Opens entries. */
export const make = (options: {
  readonly directory: BlobDirectory
  readonly room: Room
  readonly release: (entry: Entry) => void
}) => {
  const { directory, release, room } = options

  /** Holds the entry, so that its space is not given away, until the scope ends; none where it is gone. */
  const hold = (blob: StoredBlob): Effect.Effect<Option.Option<Entry>, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const entry = room.entries.current(blob)
        if (entry !== undefined) entry.users++
        return Option.fromUndefinedOr(entry)
      }),
      Option.match({ onNone: () => Effect.void, onSome: (entry) => Effect.sync(() => release(entry)) })
    )

  /** The version that an open file is; a new one where it is not what was last seen. */
  const versionOf = (entry: Entry, look: Look): Effect.Effect<FileVersion, PlatformError> =>
    Effect.suspend(() => {
      const known = entry.version
      if (known === undefined) {
        return Effect.flatMap(look, (present) =>
          entry.version === undefined ? Effect.succeed(entry.replaceVersion(present)) : versionOf(entry, look)
        )
      }
      return Effect.flatMap(known.compare(look), ({ present, same }) => {
        if (same) return Effect.succeed(known)
        // Somebody else may have found that meanwhile.
        return entry.version === known
          ? Effect.succeed(entry.replaceVersion(present))
          : versionOf(entry, look)
      })
    })

  const openFile = Effect.fnUntraced(function* (entry: Entry) {
    const file = yield* directory.open(entry.fileName)
    const look = directory.look(file, () => directory.entryPath(entry.fileName))
    const version = yield* versionOf(entry, look)
    // Dropped meanwhile: the file may be a new entry's, which nothing of ours holds.
    if (entry.dropped) return Option.none<OpenBlob>()
    return Option.some<OpenBlob>({
      version,
      size: version.size,
      read: (into, position) => asStoreError(directory.read(file, into, position)),
      unchanged: asStoreError(directory.unchanged(file, look, version, descriptorOf(entry.name)))
    })
  })

  return (blob: StoredBlob): Effect.Effect<Option.Option<OpenBlob>, BlobStoreError, Scope.Scope> =>
    Effect.flatMap(hold(blob), (held) =>
      Option.isNone(held)
        ? Effect.succeedNone
        : openFile(held.value).pipe(
            Effect.catchReason("PlatformError", "NotFound", () =>
              Effect.as(room.drop(held.value), Option.none<OpenBlob>())
            ),
            asStoreError
          )
    )
}
