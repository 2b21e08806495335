import { Effect, FileSystem, Option, Path } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { type BlobDirectory, modes, temporaryNumber } from "./BlobDirectory.ts"
import { type BlobName, parse } from "../../BlobName.ts"

/** A file found at start. */
export type FoundFile =
  | { readonly _tag: "Entry"; readonly name: BlobName; readonly lastUsed: number }
  /** Never finished, or cut short by a crash of the machine: the cache's to remove. */
  | { readonly _tag: "Unfinished"; readonly path: string; readonly sizes: ReadonlyArray<number> }
  /** Not of this cache's making: left alone, but it takes space. */
  | { readonly _tag: "Foreign"; readonly path: string; readonly size: number }

const lastUsedOf = (found: FoundFile): number => (found._tag === "Entry" ? found.lastUsed : 0)

/** Owned by the user this process runs as, and open to others. */
const isLoose = (info: FileSystem.File.Info): boolean =>
  (info.mode & 0o077) !== 0 && Option.contains(info.uid, process.getuid?.())

/** Reads what an earlier run left in the directory, which is made where it is missing. */
export const make = Effect.fnUntraced(function* (directory: BlobDirectory) {
  const { blobs, entryPath, prepare, root } = directory
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  // On a volume that cannot be written to, files stay as they are and can be served.
  const tighten = (file: string, info: FileSystem.File.Info, mode: number): Effect.Effect<void> =>
    isLoose(info) ? Effect.ignore(fs.chmod(file, mode)) : Effect.void

  const tightenDirectory = (directory: string): Effect.Effect<void> =>
    Effect.ignore(Effect.flatMap(fs.stat(directory), (info) => tighten(directory, info, modes.directory)))

  /** What stands at a path, and all below it. */
  const sizes = (
    file: string
  ): Effect.Effect<ReadonlyArray<{ readonly path: string; readonly size: number }>> =>
    fs.lstat(file).pipe(
      Effect.flatMap((info) => {
        const itself = { path: file, size: Number(info.size) }
        if (info.type !== "Directory") return Effect.succeed([itself])
        return fs.readDirectory(file).pipe(
          // A directory that is not ours to read (lost+found): what is in it cannot be counted.
          Effect.orElseSucceed(() => []),
          Effect.flatMap((names) => Effect.forEach(names, (name) => sizes(path.join(file, name)))),
          Effect.map((found) => [itself, ...found.flat()])
        )
      }),
      // It went away while we looked.
      Effect.orElseSucceed(() => [])
    )

  const foreign = (file: string): Effect.Effect<ReadonlyArray<FoundFile>> =>
    Effect.map(sizes(file), (found) => found.map((one) => ({ _tag: "Foreign", ...one })))

  const unfinished = (file: string): Effect.Effect<ReadonlyArray<FoundFile>> =>
    Effect.map(sizes(file), (found) => [
      { _tag: "Unfinished", path: file, sizes: found.map(({ size }) => size) }
    ])

  const entry = (name: BlobName, file: string): Effect.Effect<ReadonlyArray<FoundFile>> =>
    fs.lstat(file).pipe(
      Effect.flatMap((info): Effect.Effect<ReadonlyArray<FoundFile>> => {
        if (info.type !== "File") return foreign(file)
        // Nothing is synced to the disk: a crash of the machine may cut short what had its name already.
        const size = Number(info.size)
        if (size !== name.size) return Effect.succeed([{ _tag: "Unfinished", path: file, sizes: [size] }])
        const lastUsed = Option.match(info.atime, { onNone: () => 0, onSome: (date) => date.getTime() })
        return Effect.as(tighten(file, info, modes.file), [{ _tag: "Entry", name, lastUsed }])
      }),
      Effect.orElseSucceed(() => [])
    )

  const inspect = (fileName: string): Effect.Effect<ReadonlyArray<FoundFile>> => {
    const file = entryPath(fileName)
    const number = temporaryNumber(fileName)
    if (number !== undefined) {
      // It may turn out not to be removable, and would then be in the way of one of ours.
      directory.skipTemporary(number)
      return unfinished(file)
    }
    return Option.match(parse(fileName), { onNone: () => foreign(file), onSome: (name) => entry(name, file) })
  }

  /** Everything in the directory: what was finished least recently used first, behind all the rest. */
  const find: Effect.Effect<ReadonlyArray<FoundFile>, PlatformError> = Effect.gen(function* () {
    yield* prepare
    const found = (yield* Effect.forEach(yield* fs.readDirectory(blobs), inspect, { concurrency: 16 })).flat()
    const others = (yield* fs.readDirectory(root)).filter((name) => name !== "blobs")
    const beside = (yield* Effect.forEach(others, (name) => foreign(path.join(root, name)))).flat()
    yield* tightenDirectory(blobs)
    // A directory that others keep things in is not the cache's alone.
    if (beside.length === 0) yield* tightenDirectory(root)
    return [...found, ...beside].sort((a, b) => lastUsedOf(a) - lastUsedOf(b))
  })

  return { find }
})

export type Recovery = Effect.Success<ReturnType<typeof make>>
