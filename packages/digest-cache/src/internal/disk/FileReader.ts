import { Effect, Option, type Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { BlobStoreError, OpenBlob, StoredBlob } from "../../Blob.ts"
import { descriptorOf } from "../../BlobName.ts"
import type { BlobDirectory } from "./BlobDirectory.ts"
import type { DiskEntry } from "./DiskEntries.ts"
import type { CurrentFingerprint, FileVersion } from "./FileVersion.ts"
import type { DiskSpace } from "./DiskSpace.ts"
import { asStoreError } from "./StoreFailure.ts"

/** Makes the `open` function of a `BlobStore` that stores files. `release` must decrement {@link DiskEntry.holders}. */
export const makeOpen = (options: {
  readonly directory: BlobDirectory
  readonly space: DiskSpace
  readonly release: (entry: DiskEntry) => void
}) => {
  const { directory, release, space } = options

  /**
   * Increments the `holders` of a blob's entry, so that the blob is not evicted. Decrements `holders` when the scope
   * ends. None if the blob is no longer in the index.
   */
  const hold = (blob: StoredBlob): Effect.Effect<Option.Option<DiskEntry>, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const entry = space.entries.current(blob)
        if (entry !== undefined) entry.holders++
        return Option.fromUndefinedOr(entry)
      }),
      Option.match({ onNone: () => Effect.void, onSome: (entry) => Effect.sync(() => release(entry)) })
    )

  /** Returns the version of an open file. Sets a new `entry.version` if the file has changed or has no version yet. */
  const versionOf = (
    entry: DiskEntry,
    readFingerprint: CurrentFingerprint
  ): Effect.Effect<FileVersion, PlatformError> =>
    Effect.suspend(() => {
      const known = entry.version
      if (known === undefined) {
        return Effect.flatMap(readFingerprint, (current) =>
          entry.version === undefined
            ? Effect.succeed(entry.replaceVersion(current))
            : versionOf(entry, readFingerprint)
        )
      }
      return Effect.flatMap(known.compare(readFingerprint), ({ current, same }) => {
        if (same) return Effect.succeed(known)
        // Another reader may have replaced the version meanwhile.
        return entry.version === known
          ? Effect.succeed(entry.replaceVersion(current))
          : versionOf(entry, readFingerprint)
      })
    })

  const openFile = Effect.fnUntraced(function* (entry: DiskEntry) {
    const file = yield* directory.open(entry.fileName)
    const readFingerprint = directory.readFingerprint(file, () => directory.entryPath(entry.fileName))
    const version = yield* versionOf(entry, readFingerprint)
    // If the entry was dropped meanwhile, the file may belong to a new entry, which this caller does not hold.
    if (entry.dropped) return Option.none<OpenBlob>()
    return Option.some<OpenBlob>({
      version,
      size: version.size,
      read: (into, position) => asStoreError(directory.read(file, into, position)),
      unchanged: asStoreError(directory.unchanged(file, readFingerprint, version, descriptorOf(entry.name)))
    })
  })

  return (blob: StoredBlob): Effect.Effect<Option.Option<OpenBlob>, BlobStoreError, Scope.Scope> =>
    Effect.flatMap(hold(blob), (held) =>
      Option.isNone(held)
        ? Effect.succeedNone
        : openFile(held.value).pipe(
            Effect.catchReason("PlatformError", "NotFound", () =>
              Effect.as(space.drop(held.value), Option.none<OpenBlob>())
            ),
            asStoreError
          )
    )
}
