import { Context, Effect, type Option } from "effect"
import { type PlatformError, systemError } from "effect/PlatformError"

// An import declaration would evaluate all lazy exports of `node:fs` and keep them in memory.
const { stat } = process.getBuiltinModule("node:fs")

/**
 * The inode number of a file, and the time of the inode's last change (POSIX `st_ctime`), in nanoseconds since the
 * epoch.
 */
export interface InodeChange {
  readonly inode: bigint
  readonly changedAt: bigint
}

const absent: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR"])

const lookUp = (path: string): Effect.Effect<Option.Option<InodeChange>, PlatformError> =>
  Effect.callback((resume) => {
    stat(path, { bigint: true }, (cause, stats) => {
      if (cause === null)
        // Node returns the unsigned inode number as a signed bigint.
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
 * Looks up the inode number and the `st_ctime` of the file at a path. Effect's `FileSystem` does not provide this time.
 * Returns none if the file does not exist. The default uses Node's file system. A program that replaces `FileSystem`
 * must replace this reference too.
 */
export const InodeChanges = Context.Reference<
  (path: string) => Effect.Effect<Option.Option<InodeChange>, PlatformError>
>("@registry-packages-proxy/digest-cache/InodeChanges", { defaultValue: () => lookUp })
