import { Context, Effect, type Option } from "effect"
import { type PlatformError, systemError } from "effect/PlatformError"

// Not imported: as a module it evaluates its lazy exports, which stay resident.
const { stat } = process.getBuiltinModule("node:fs")

/** A file and the time of its last change of any kind (POSIX `st_ctime`), in nanoseconds since the epoch. */
export interface InodeChange {
  readonly inode: bigint
  readonly changed: bigint
}

const absent: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR"])

const lookUp = (path: string): Effect.Effect<Option.Option<InodeChange>, PlatformError> =>
  Effect.callback((resume) => {
    stat(path, { bigint: true }, (cause, stats) => {
      if (cause === null)
        // An inode is unsigned, which Node's reading of it is not.
        return resume(Effect.succeedSome({ inode: BigInt.asUintN(64, stats.ino), changed: stats.ctimeNs }))
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
 * Looks up when the file at a path was last changed, which Effect's `FileSystem` does not tell; none where there is no
 * file. Node's unless replaced: a program composed with another file system than the machine's replaces it too.
 */
export const InodeChanges = Context.Reference<
  (path: string) => Effect.Effect<Option.Option<InodeChange>, PlatformError>
>("@registry-packages-proxy/digest-cache/InodeChanges", { defaultValue: () => lookUp })
