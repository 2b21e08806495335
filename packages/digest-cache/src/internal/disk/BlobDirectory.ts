import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Effect, FileSystem, Option, Path } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { InodeChanges } from "../../InodeChanges.ts"
import { hashBlob } from "../read/HashBlob.ts"
import type { CurrentFingerprint, FileVersion } from "./FileVersion.ts"

/** The POSIX permissions of created directories and files. Only the program's own user has access. */
export const permissions = { directory: 0o700, file: 0o600 } as const

/**
 * A modification time that makes `utimes` change only the access time, because libuv converts NaN to `UTIME_OMIT`.
 * Writing back a modification time that was read earlier could hide a later write by another program.
 */
const unchangedTime = new Date(Number.NaN)

const temporary = /^ingest-(\d{1,15})$/

/** Returns the number in the name of a temporary file (`ingest-N`). Undefined for any other name. */
export const temporaryNumber = (fileName: string): number | undefined => {
  const number = temporary.exec(fileName)?.[1]
  return number === undefined ? undefined : Number(number)
}

/**
 * Makes the operations on the cache's directory. `blobs/` contains complete packages, each with a formatted `BlobName`
 * as its file name, and temporary files named `ingest-N`, which are still being written. A complete file is renamed to
 * its final name. Temporary files are in the same directory as complete files, so that a listing during a rename never
 * counts a file twice.
 */
export const make = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const inodeChange = yield* InodeChanges
  const blobs = path.join(root, "blobs")
  let sequence = 0

  const makeOne = (directory: string): Effect.Effect<void, PlatformError> =>
    Effect.catchReason(
      fs.makeDirectory(directory, { mode: permissions.directory }),
      "PlatformError",
      "AlreadyExists",
      () => Effect.void
    )

  // Creates parents without Node's recursive mkdir, which retries forever if a directory cannot be created in an
  // existing parent, for example below a removed mount point.
  const makeAll = (directory: string): Effect.Effect<void, PlatformError> => {
    const parent = path.dirname(directory)
    return Effect.catchIf(
      makeOne(directory),
      ({ reason }) => reason._tag === "NotFound" && parent !== directory,
      () => Effect.andThen(makeAll(parent), makeOne(directory))
    )
  }

  const prepare = makeAll(blobs)

  const entryPath = (fileName: string): string => path.join(blobs, fileName)

  const fingerprintOf = (info: FileSystem.File.Info, filePath: string): CurrentFingerprint =>
    Effect.map(inodeChange(filePath), (change) => {
      const inode = Option.getOrElse(info.ino, () => 0n)
      return {
        inode,
        size: Number(info.size),
        modifiedAt: Option.match(info.mtime, { onNone: () => 0, onSome: (date) => date.getTime() }),
        // Undefined if the path now leads to another file.
        changedAt: Option.isSome(change) && change.value.inode === inode ? change.value.changedAt : undefined
      }
    })

  /**
   * Reads the fingerprint of an open file. `filePath` must return the current path of the file, also after a rename.
   */
  const readFingerprint = (file: FileSystem.File, filePath: () => string): CurrentFingerprint =>
    Effect.flatMap(file.stat, (info) => fingerprintOf(info, filePath()))

  const readPathFingerprint = (filePath: string): CurrentFingerprint =>
    Effect.flatMap(fs.stat(filePath), (info) => fingerprintOf(info, filePath))

  /**
   * Reads from a file. Uninterruptible, because the operating system may still write into the buffer after an
   * interruption.
   */
  const read = (
    file: FileSystem.File,
    into: Uint8Array,
    position: number
  ): Effect.Effect<number, PlatformError> =>
    Effect.uninterruptible(file.read(into, { position: BigInt(position) }))

  const matches = (
    file: FileSystem.File,
    packageDescriptor: PackageDescriptor
  ): Effect.Effect<boolean, PlatformError> => {
    const verifier = verifierOf(packageDescriptor)
    return Effect.map(
      hashBlob(verifier, (into, position) => read(file, into, position)),
      () => verifier.matches()
    )
  }

  /**
   * Returns true if an open file still has the bytes of `version`. If `version` is undefined, because `seal` has not
   * run yet, returns true. If the file was unlinked and `packageDescriptor` is defined, also compares the digest of the
   * bytes with `packageDescriptor`. Fails if the file cannot be read.
   */
  const unchanged = (
    file: FileSystem.File,
    readFingerprint: CurrentFingerprint,
    version: FileVersion | undefined,
    packageDescriptor: PackageDescriptor | undefined
  ): Effect.Effect<boolean, PlatformError> =>
    version === undefined
      ? Effect.as(readFingerprint, true)
      : Effect.flatMap(version.compare(readFingerprint), ({ same, sameButUnlinked }) =>
          sameButUnlinked && packageDescriptor !== undefined
            ? matches(file, packageDescriptor)
            : Effect.succeed(same || sameButUnlinked)
        )

  /** Removes a file if it exists. If `file` is a directory named `ingest-N`, removes the directory and its content. */
  const remove = (file: string): Effect.Effect<void, PlatformError> =>
    fs.remove(file, { force: true, recursive: temporaryNumber(path.basename(file)) !== undefined })

  const openNew = (file: string) => fs.open(file, { flag: "wx+", mode: permissions.file })

  /**
   * Creates a file and opens it. The end of the scope closes the file. If the cache's directory was deleted, creates
   * the directory again.
   */
  const create = (temporary: string) =>
    openNew(temporary).pipe(
      Effect.catchReason("PlatformError", "NotFound", () => Effect.andThen(prepare, openNew(temporary)))
    )

  /**
   * Saves the time of an entry's last use as the access time of the file. `lastUsed` is in milliseconds since the
   * epoch. Does nothing if the file has changed.
   */
  const saveLastUse = (fileName: string, lastUsed: number, version: FileVersion) => {
    const filePath = entryPath(fileName)
    return version.change(readPathFingerprint(filePath), (still) =>
      // Node passes times as floating-point seconds. Half a millisecond is added so that no rounding changes the
      // millisecond.
      still ? fs.utimes(filePath, (lastUsed + 0.5) / 1000, unchangedTime) : Effect.void
    )
  }

  return {
    root,
    blobs,
    prepare,
    entryPath,
    /** Makes later calls of `temporaryPath` return only numbers larger than `number`. */
    skipTemporary: (number: number): void => {
      sequence = Math.max(sequence, number + 1)
    },
    temporaryPath: (): string => entryPath(`ingest-${sequence++}`),
    create,
    readFingerprint,
    unchanged,
    read,
    saveLastUse,
    rename: (temporary: string, fileName: string) => fs.rename(temporary, entryPath(fileName)),
    open: (fileName: string) => fs.open(entryPath(fileName), { flag: "r" }),
    remove
  }
})

export type BlobDirectory = Effect.Success<ReturnType<typeof make>>
