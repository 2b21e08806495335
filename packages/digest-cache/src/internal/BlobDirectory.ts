import { Effect, FileSystem, Option, Path, Result } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { BodyError, DiskFailed } from "../BodyError.ts"
import { type Fingerprint, sameFingerprint } from "./Entries.ts"
import { type EntryName, format, parse } from "./EntryName.ts"

/** A file found at start. */
export type Found =
  | {
      readonly _tag: "Entry"
      readonly name: EntryName
      readonly fingerprint: Fingerprint
      readonly lastUsed: number
    }
  /** Not of this cache's making: left alone, but it takes space. */
  | { readonly _tag: "Foreign"; readonly path: string; readonly size: number }

const fingerprintOf = (info: FileSystem.File.Info): Fingerprint => ({
  inode: Option.getOrElse(info.ino, () => 0n),
  size: Number(info.size),
  modified: Option.match(info.mtime, { onNone: () => 0, onSome: (date) => date.getTime() })
})

const changed = new BodyError({ reason: new DiskFailed({ cause: "the file was changed while it was read" }) })

const isCut = (found: Found): boolean => found._tag === "Entry" && found.fingerprint.size !== found.name.size

const temporary = /^ingest-\d+$/

/**
 * The cache's directory: `blobs/` holds the packages, under names that say what they are, and as `ingest-N` what is
 * being written. A package gets its name by rename, so what stands under it was whole when it came. Both are in one
 * directory so that one listing of it, however it falls, never counts a file twice on its way from one to the other.
 */
export const make = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const blobs = path.join(root, "blobs")
  let sequence = 0

  const makeOne = (directory: string): Effect.Effect<void, PlatformError> =>
    Effect.catchReason(fs.makeDirectory(directory), "PlatformError", "AlreadyExists", () => Effect.void)

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

  const fingerprint = (file: FileSystem.File): Effect.Effect<Fingerprint, PlatformError> =>
    Effect.map(file.stat, fingerprintOf)

  /** Fails where an open file is seen not to be what it was; where it cannot be looked at, what was read stands. */
  const unchanged = (
    file: FileSystem.File,
    known: () => Fingerprint | undefined
  ): Effect.Effect<void, BodyError> =>
    Effect.flatMap(Effect.option(fingerprint(file)), (present) => {
      const expected = known()
      return Option.isNone(present) || expected === undefined || sameFingerprint(present.value, expected)
        ? Effect.void
        : Effect.fail(changed)
    })

  /** Removes a file; one that is gone already is fine. */
  const remove = (file: string): Effect.Effect<void, PlatformError> => fs.remove(file, { force: true })

  const foreign = (file: string): Effect.Effect<ReadonlyArray<Found>> =>
    fs.lstat(file).pipe(
      Effect.flatMap((info) => {
        const itself: Found = { _tag: "Foreign", path: file, size: Number(info.size) }
        if (info.type !== "Directory") return Effect.succeed([itself])
        return fs.readDirectory(file).pipe(
          // A directory that is not ours to read (lost+found): what is in it cannot be counted.
          Effect.orElseSucceed(() => []),
          Effect.flatMap((names) => Effect.forEach(names, (name) => foreign(path.join(file, name)))),
          Effect.map((found) => [itself, ...found.flat()])
        )
      }),
      // It went away while we looked.
      Effect.orElseSucceed(() => [])
    )

  const inspect = (fileName: string): Effect.Effect<ReadonlyArray<Found>> =>
    Option.match(parse(fileName), {
      onNone: () => foreign(entryPath(fileName)),
      onSome: (name) =>
        fs.lstat(entryPath(fileName)).pipe(
          Effect.flatMap((info) =>
            info.type === "File"
              ? Effect.succeed<ReadonlyArray<Found>>([
                  {
                    _tag: "Entry",
                    name,
                    fingerprint: fingerprintOf(info),
                    lastUsed: Option.match(info.atime, { onNone: () => 0, onSome: (date) => date.getTime() })
                  }
                ])
              : foreign(entryPath(fileName))
          ),
          Effect.orElseSucceed(() => [])
        )
    })

  /** Clears what an earlier run left unfinished and lists what it finished, least recently used first. */
  const recover: Effect.Effect<ReadonlyArray<Found>, PlatformError> = Effect.gen(function* () {
    yield* prepare
    const names = yield* fs.readDirectory(blobs)
    const unfinished = names.filter((name) => temporary.test(name))
    yield* Effect.forEach(unfinished, (name) => fs.remove(entryPath(name), { recursive: true, force: true }))
    const finished = names.filter((name) => !temporary.test(name))
    const inspected = (yield* Effect.forEach(finished, inspect, { concurrency: 16 })).flat()
    // Nothing is synced to the disk: a crash of the machine may cut short what had its name already.
    yield* Effect.forEach(inspected.filter(isCut), (found) =>
      found._tag === "Entry" ? remove(entryPath(format(found.name))) : Effect.void
    )
    const others = (yield* fs.readDirectory(root)).filter((name) => name !== "blobs")
    const beside = yield* Effect.forEach(others, (name) => foreign(path.join(root, name)))
    return [...inspected.filter((found) => !isCut(found)), ...beside.flat()].sort(
      (a, b) => (a._tag === "Entry" ? a.lastUsed : 0) - (b._tag === "Entry" ? b.lastUsed : 0)
    )
  })

  const openNew = (file: string) => fs.open(file, { flag: "wx+", mode: 0o600 })

  /** A new file, open until the scope ends. Where the directory was deleted underneath, it is made again. */
  const create = (temporary: string) =>
    openNew(temporary).pipe(
      Effect.catchReason("PlatformError", "NotFound", () => Effect.andThen(prepare, openNew(temporary)))
    )

  /** Writes an entry's last use where it outlives us: its access time. Leaves a file alone that is another by now. */
  const saveLastUse = (fileName: string, lastUsed: number, known: Fingerprint) =>
    Effect.gen(function* () {
      const present = fingerprintOf(yield* fs.stat(entryPath(fileName)))
      if (!sameFingerprint(present, known)) return
      // Times pass as seconds in floating point; the middle of a millisecond stays in it whichever way they are rounded.
      yield* fs.utimes(entryPath(fileName), (lastUsed + 0.5) / 1000, (known.modified + 0.5) / 1000)
    })

  return {
    recover,
    entryPath,
    temporaryPath: (): string => entryPath(`ingest-${sequence++}`),
    create,
    fingerprint,
    unchanged,
    saveLastUse,
    rename: (temporary: string, fileName: string) => fs.rename(temporary, entryPath(fileName)),
    open: (fileName: string) => fs.open(entryPath(fileName), { flag: "r" }),
    exists: (fileName: string) => Effect.map(Effect.result(fs.stat(entryPath(fileName))), Result.isSuccess),
    remove
  }
})

export type BlobDirectory = Effect.Success<ReturnType<typeof make>>
