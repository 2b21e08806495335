import { createHash } from "node:crypto"
import { Effect, type FileSystem, type PlatformError, Result } from "effect"

/** The maximum size of a file, in bytes. */
const maxSize = 1024 * 1024

/** The content of several files, or the reason why one of them cannot be read. */
export interface FileReading {
  /** The hash of the content of all files. If a file cannot be read, the reason takes the place of the hash. */
  readonly contentHash: string
  readonly texts: Result.Result<ReadonlyArray<string>, string>
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

const explain = (path: string, { reason }: PlatformError.PlatformError): string => {
  switch (reason._tag) {
    case "NotFound":
      return `${baseName(path)} does not exist`
    case "PermissionDenied":
      return `${baseName(path)} cannot be read: permission denied`
    default:
      return `${baseName(path)} cannot be read (${reason._tag})`
  }
}

const readOne = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, path: string) {
  const { size, type } = yield* fs.stat(path)
  if (type !== "File") return yield* Effect.fail(`${baseName(path)} is not a regular file`)
  if (size > maxSize) return yield* Effect.fail(`${baseName(path)} is larger than 1 MiB`)
  return yield* fs.readFileString(path)
})

/** Reads files as text. Never fails. If a file cannot be read, the result contains the reason. */
export const read = (fs: FileSystem.FileSystem, paths: ReadonlyArray<string>): Effect.Effect<FileReading> =>
  Effect.forEach(paths, (path) =>
    Effect.mapError(readOne(fs, path), (error) => (typeof error === "string" ? error : explain(path, error)))
  ).pipe(
    Effect.result,
    Effect.map((texts) => ({
      contentHash: Result.match(texts, {
        onFailure: (reason) => `failed: ${reason}`,
        onSuccess: (all) => createHash("sha256").update(JSON.stringify(all)).digest("base64")
      }),
      texts
    }))
  )
