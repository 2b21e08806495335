import { createHash } from "node:crypto"
import { Effect, type FileSystem, type PlatformError, Result } from "effect"

/** Files larger than this hold no certificate. */
const maxSize = 1024 * 1024

/** What a look at some files found; `print` is equal for equal findings. */
export interface Reading {
  readonly print: string
  readonly texts: Result.Result<ReadonlyArray<string>, string>
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

const explain = (path: string, { reason }: PlatformError.PlatformError): string => {
  switch (reason._tag) {
    case "NotFound":
      return `there is no file ${baseName(path)}`
    case "PermissionDenied":
      return `reading ${baseName(path)} is not permitted`
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

/** Reads files together; what keeps one from being read is a finding too. */
export const read = (fs: FileSystem.FileSystem, paths: ReadonlyArray<string>): Effect.Effect<Reading> =>
  Effect.forEach(paths, (path) =>
    Effect.mapError(readOne(fs, path), (error) => (typeof error === "string" ? error : explain(path, error)))
  ).pipe(
    Effect.result,
    Effect.map((texts) => ({
      print: Result.match(texts, {
        onFailure: (trouble) => `trouble: ${trouble}`,
        onSuccess: (all) => createHash("sha256").update(JSON.stringify(all)).digest("base64")
      }),
      texts
    }))
  )
