import { Effect, FileSystem, Option, Path } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { type BlobDirectory, permissions, temporaryNumber } from "./BlobDirectory.ts"
import { type BlobName, parse } from "../../BlobName.ts"

/** A file found in the cache directory when the program starts. */
export type FileOnDisk =
  | { readonly _tag: "Entry"; readonly name: BlobName; readonly lastUsed: number }
  /**
   * An incomplete file. Either the program ended while it wrote the file, or a crash truncated the file. The cache
   * removes such a file.
   */
  | { readonly _tag: "Unfinished"; readonly path: string; readonly sizes: ReadonlyArray<number> }
  /** A file that the cache did not create. The cache never removes such a file, but counts its size against the cap. */
  | { readonly _tag: "Foreign"; readonly path: string; readonly size: number }

const lastUsedOf = (found: FileOnDisk): number => (found._tag === "Entry" ? found.lastUsed : 0)

/** True if the file belongs to the user of this process, and other users have access to the file. */
const isLoose = (info: FileSystem.File.Info): boolean =>
  (info.mode & 0o077) !== 0 && Option.contains(info.uid, process.getuid?.())

/** Returns the effect `find`, which finds the files in the cache directory when the program starts. */
export const make = Effect.fnUntraced(function* (directory: BlobDirectory) {
  const { blobs, entryPath, prepare, root } = directory
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  // Ignores failures, because files on a read-only volume can still be served.
  const tighten = (file: string, info: FileSystem.File.Info, mode: number): Effect.Effect<void> =>
    isLoose(info) ? Effect.ignore(fs.chmod(file, mode)) : Effect.void

  const tightenDirectory = (directory: string): Effect.Effect<void> =>
    Effect.ignore(
      Effect.flatMap(fs.stat(directory), (info) => tighten(directory, info, permissions.directory))
    )

  /**
   * Returns the path and the size in bytes of `file`. If `file` is a directory, also returns the paths and the sizes of
   * all files and directories below it. Returns an empty array if `file` does not exist.
   */
  const sizes = (
    file: string
  ): Effect.Effect<ReadonlyArray<{ readonly path: string; readonly size: number }>> =>
    fs.lstat(file).pipe(
      Effect.flatMap((info) => {
        const itself = { path: file, size: Number(info.size) }
        if (info.type !== "Directory") return Effect.succeed([itself])
        return fs.readDirectory(file).pipe(
          // The content of an unreadable directory (lost+found) cannot be counted.
          Effect.orElseSucceed(() => []),
          Effect.flatMap((names) => Effect.forEach(names, (name) => sizes(path.join(file, name)))),
          Effect.map((found) => [itself, ...found.flat()])
        )
      }),
      // The file was removed meanwhile.
      Effect.orElseSucceed(() => [])
    )

  const foreign = (file: string): Effect.Effect<ReadonlyArray<FileOnDisk>> =>
    Effect.map(sizes(file), (found) => found.map((one) => ({ _tag: "Foreign", ...one })))

  const unfinished = (file: string): Effect.Effect<ReadonlyArray<FileOnDisk>> =>
    Effect.map(sizes(file), (found) => [
      { _tag: "Unfinished", path: file, sizes: found.map(({ size }) => size) }
    ])

  const entry = (name: BlobName, file: string): Effect.Effect<ReadonlyArray<FileOnDisk>> =>
    fs.lstat(file).pipe(
      Effect.flatMap((info): Effect.Effect<ReadonlyArray<FileOnDisk>> => {
        if (info.type !== "File") return foreign(file)
        // The cache does not sync files to disk, so a crash of the machine may truncate a file that already has its
        // final name.
        const size = Number(info.size)
        if (size !== name.size) return Effect.succeed([{ _tag: "Unfinished", path: file, sizes: [size] }])
        const lastUsed = Option.match(info.atime, { onNone: () => 0, onSome: (date) => date.getTime() })
        return Effect.as(tighten(file, info, permissions.file), [{ _tag: "Entry", name, lastUsed }])
      }),
      Effect.orElseSucceed(() => [])
    )

  const inspect = (fileName: string): Effect.Effect<ReadonlyArray<FileOnDisk>> => {
    const file = entryPath(fileName)
    const number = temporaryNumber(fileName)
    if (number !== undefined) {
      // If the file cannot be removed, new files must not use its name.
      directory.skipTemporary(number)
      return unfinished(file)
    }
    return Option.match(parse(fileName), { onNone: () => foreign(file), onSome: (name) => entry(name, file) })
  }

  /**
   * Finds all files in the directory. Creates the directory if it does not exist, and removes the access of other users
   * to the cache's own files. The result begins with incomplete and foreign files. Packages follow in order of last
   * use, the least recently used first.
   */
  const find: Effect.Effect<ReadonlyArray<FileOnDisk>, PlatformError> = Effect.gen(function* () {
    yield* prepare
    const found = (yield* Effect.forEach(yield* fs.readDirectory(blobs), inspect, { concurrency: 16 })).flat()
    const others = (yield* fs.readDirectory(root)).filter((name) => name !== "blobs")
    const beside = (yield* Effect.forEach(others, (name) => foreign(path.join(root, name)))).flat()
    yield* tightenDirectory(blobs)
    // If the directory contains foreign files, other users may need access to it.
    if (beside.length === 0) yield* tightenDirectory(root)
    return [...found, ...beside].sort((a, b) => lastUsedOf(a) - lastUsedOf(b))
  })

  return { find }
})

export type Recovery = Effect.Success<ReturnType<typeof make>>
