import { ByteSize, Effect, FileSystem, Option, PlatformError } from "effect"

/** Marks a path that is not a regular file. */
export const directory = Symbol("directory")

/** The content of a file, or the error of reading it. */
export type FakeFile =
  | string
  | Uint8Array
  | { readonly fails: PlatformError.SystemErrorTag }
  | typeof directory

const info = (type: FileSystem.File.Type, size: number): FileSystem.File.Info => ({
  type,
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0n,
  ino: Option.none(),
  mode: 0,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: ByteSize.bytes(size),
  blksize: Option.none(),
  blocks: Option.none()
})

const bytesOf = (file: string | Uint8Array | typeof directory): Uint8Array =>
  typeof file === "string" ? new TextEncoder().encode(file) : file === directory ? new Uint8Array() : file

/**
 * Makes a file system that contains `files`. A test may change `files` later. Each read completes immediately, without
 * I/O.
 */
export const make = (files: Map<string, FakeFile>): FileSystem.FileSystem => {
  const open = (
    path: string,
    method: string
  ): Effect.Effect<Exclude<FakeFile, { readonly fails: unknown }>, PlatformError.PlatformError> =>
    Effect.suspend(() => {
      const file = files.get(path) ?? { fails: "NotFound" as const }
      return typeof file === "object" && "fails" in file
        ? Effect.fail(
            PlatformError.systemError({
              _tag: file.fails,
              module: "FileSystem",
              method,
              pathOrDescriptor: path
            })
          )
        : Effect.succeed(file)
    })
  return FileSystem.makeNoop({
    stat: (path) =>
      Effect.map(open(path, "stat"), (file) =>
        file === directory ? info("Directory", 0) : info("File", bytesOf(file).length)
      ),
    readFile: (path) => Effect.map(open(path, "readFile"), bytesOf)
  })
}
