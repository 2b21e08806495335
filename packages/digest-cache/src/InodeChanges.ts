import { Context, Effect, type Option } from "effect"
import { type PlatformError, systemError } from "effect/PlatformError"

// An import would evaluate all lazy exports of the module and keep them in memory.
const { stat } = process.getBuiltinModule("node:fs")

/** The inode of a file, and its last change of any kind (POSIX `st_ctime`) in nanoseconds since the epoch. */
export interface InodeChange {
  readonly inode: bigint
  readonly changedAt: bigint
}

const absent: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR"])

const lookUp = (path: string): Effect.Effect<Option.Option<InodeChange>, PlatformError> =>
  Effect.callback((resume) => {
    stat(path, { bigint: true }, (cause, stats) => {
      if (cause === null)
        // Node returns the unsigned inode number as a signed one.
        return resume(Effect.succeedSome({ inode: BigInt.asUintN(64, stats.ino), changedAt: stats.ctimeNs }))
      if (absent.has(cause.code)) return resume(Effect.succeedNone)
      resume(
        Effect.fail(
          systemError({
            _tag: "Unknown",
            module: "FileSystem",
            method: "stat",
            pathOrDescriptor: path,
            cause
          })
        )
      )
    })
  })

/**
 * Looks up the last change of the file at a path, which Effect's `FileSystem` does not provide. None if there is no
 * file. Uses Node; replace it together with `FileSystem`.
 */
export const InodeChanges = Context.Reference<
  (path: string) => Effect.Effect<Option.Option<InodeChange>, PlatformError>
>("@registry-packages-proxy/digest-cache/InodeChanges", { defaultValue: () => lookUp })
