import { type PackageDescriptor, verifierOf } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Effect, FileSystem, Option, Path } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { InodeChanges } from "../../InodeChanges.ts"
import type { FileVersion, Look } from "./FileVersion.ts"

/** The modes of what the cache makes: its packages are for its own user alone, whatever access control says. */
export const modes = { directory: 0o700, file: 0o600 } as const

/**
 * A modification time that stays what it is (`UTIME_OMIT`, which libuv takes from a time that is no number): set to what
 * was seen, it would hide a write that came since.
 */
const leftAlone = new Date(Number.NaN)

/** How much is read and hashed at a time, in bytes; the loop is free in between. */
const hashedAtOnce = 256 * 1024

const temporary = /^ingest-(\d{1,15})$/

/** The number of a file that is being written, from its name; undefined for any other. */
export const temporaryNumber = (fileName: string): number | undefined => {
  const number = temporary.exec(fileName)?.[1]
  return number === undefined ? undefined : Number(number)
}

/**
 * The cache's directory: `blobs/` holds the packages, under names that say what they are, and as `ingest-N` what is
 * being written. A package gets its name by rename, so what stands under it was whole when it came. Both are in one
 * directory so that one listing of it, however it falls, never counts a file twice on its way from one to the other.
 */
export const make = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const inodeChange = yield* InodeChanges
  const blobs = path.join(root, "blobs")
  let sequence = 0

  const makeOne = (directory: string): Effect.Effect<void, PlatformError> =>
    Effect.catchReason(
      fs.makeDirectory(directory, { mode: modes.directory }),
      "PlatformError",
      "AlreadyExists",
      () => Effect.void
    )

  // Not Node's recursive one: where a directory cannot be made though its parent is there, as below one that was removed
  // while it is mounted, that one tries for ever.
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

  const fingerprintOf = (info: FileSystem.File.Info, filePath: string): Look =>
    Effect.map(inodeChange(filePath), (change) => {
      const inode = Option.getOrElse(info.ino, () => 0n)
      return {
        inode,
        size: Number(info.size),
        modified: Option.match(info.mtime, { onNone: () => 0, onSome: (date) => date.getTime() }),
        // Another file has its name: it has none itself.
        changed: Option.isSome(change) && change.value.inode === inode ? change.value.changed : undefined
      }
    })

  /** Looks at an open file, whose name is `filePath` unless it was taken away. */
  const look = (file: FileSystem.File, filePath: () => string): Look =>
    Effect.flatMap(file.stat, (info) => fingerprintOf(info, filePath()))

  const lookAtPath = (filePath: string): Look =>
    Effect.flatMap(fs.stat(filePath), (info) => fingerprintOf(info, filePath))

  /** Not interruptible: a buffer must not be used again while the operating system still writes into it. */
  const read = (
    file: FileSystem.File,
    into: Uint8Array,
    position: number
  ): Effect.Effect<number, PlatformError> =>
    Effect.uninterruptible(file.read(into, { position: BigInt(position) }))

  /** Hashes an open file. */
  const holds = (
    file: FileSystem.File,
    descriptor: PackageDescriptor
  ): Effect.Effect<boolean, PlatformError> =>
    Effect.gen(function* () {
      const verifier = verifierOf(descriptor)
      const buffer = Buffer.allocUnsafeSlow(Math.min(hashedAtOnce, descriptor.size))
      let count = -1
      while (count !== 0 && verifier.length < descriptor.size) {
        count = yield* read(file, buffer.subarray(0, descriptor.size - verifier.length), verifier.length)
        verifier.update(buffer.subarray(0, count))
      }
      return verifier.matches()
    })

  /**
   * True if an open file is this version. A file without a version, which was never whole, only has to be there; one that
   * has lost its name is hashed, where it is known what it must hold.
   */
  const unchanged = (
    file: FileSystem.File,
    look: Look,
    version: FileVersion | undefined,
    descriptor: PackageDescriptor | undefined
  ): Effect.Effect<boolean, PlatformError> =>
    version === undefined
      ? Effect.as(look, true)
      : Effect.flatMap(version.compare(look), ({ same, unnamed }) =>
          unnamed && descriptor !== undefined ? holds(file, descriptor) : Effect.succeed(same || unnamed)
        )

  /** Removes a file, or all of what stands under the name of one being written; what is gone already is fine. */
  const remove = (file: string): Effect.Effect<void, PlatformError> =>
    fs.remove(file, { force: true, recursive: temporaryNumber(path.basename(file)) !== undefined })

  const openNew = (file: string) => fs.open(file, { flag: "wx+", mode: modes.file })

  /** A new file, open until the scope ends. Where the directory was deleted underneath, it is made again. */
  const create = (temporary: string) =>
    openNew(temporary).pipe(
      Effect.catchReason("PlatformError", "NotFound", () => Effect.andThen(prepare, openNew(temporary)))
    )

  /** Writes an entry's last use where it outlives us: its access time. Leaves a file alone that is another by now. */
  const saveLastUse = (fileName: string, lastUsed: number, version: FileVersion) => {
    const filePath = entryPath(fileName)
    return version.change(lookAtPath(filePath), (still) =>
      // Times pass as seconds in floating point; the middle of a millisecond stays in it whichever way they are rounded.
      still ? fs.utimes(filePath, (lastUsed + 0.5) / 1000, leftAlone) : Effect.void
    )
  }

  return {
    root,
    blobs,
    prepare,
    entryPath,
    /** Numbers from here on are not those of files that were found. */
    skipTemporary: (number: number): void => {
      sequence = Math.max(sequence, number + 1)
    },
    temporaryPath: (): string => entryPath(`ingest-${sequence++}`),
    create,
    look,
    unchanged,
    read,
    saveLastUse,
    rename: (temporary: string, fileName: string) => fs.rename(temporary, entryPath(fileName)),
    open: (fileName: string) => fs.open(entryPath(fileName), { flag: "r" }),
    remove
  }
})

export type BlobDirectory = Effect.Success<ReturnType<typeof make>>
