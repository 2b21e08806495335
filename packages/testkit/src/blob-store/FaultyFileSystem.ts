import { InodeChanges } from "@registry-packages-proxy/digest-cache/InodeChanges"
import { Context, Effect, FileSystem, Layer } from "effect"
import { type PlatformError, systemError, type SystemErrorTag } from "effect/PlatformError"

/** The file operations that a fault can affect. */
export type FileOperation =
  | "open"
  | "read"
  | "write"
  | "stat"
  | "rename"
  | "remove"
  | "makeDirectory"
  | "readDirectory"
  | "utimes"
  | "chmod"

/**
 * Makes calls of an operation on matching paths fail. The first failing call is number `fromCall` (default: 1). From
 * this call on, `times` calls fail (default: all).
 */
export interface FileFault {
  readonly operation: FileOperation
  readonly reason: SystemErrorTag
  /** The operating system's error code for the failure, such as `ENOSPC`. Default: no code. */
  readonly code?: string
  /** Number of bytes that a failing `writeAll` writes before it fails. Default: 0. */
  readonly writtenBytes?: number
  readonly fromCall?: number
  readonly times?: number
  /** The fault affects only paths that contain this text. Default: all paths. */
  readonly pathIncludes?: string
}

/**
 * Runs `before` and `after` around every {@link FileOperation}. If `before` fails, the operation fails, and `after`
 * runs nevertheless.
 */
export interface FileInterceptor {
  /** Runs before the operation. `bytes` is the number of bytes to write, or 0 if the operation does not write. */
  readonly before: (
    operation: FileOperation,
    path: string,
    bytes: number
  ) => Effect.Effect<void, PlatformError>
  readonly after: (operation: FileOperation, path: string) => Effect.Effect<void>
  /** Returns the number of bytes that `writeAll` still writes if `before` fails. Default: 0. */
  readonly writtenBytes?: () => number
}

const interceptFile = (
  file: FileSystem.File,
  path: string,
  around: Around,
  written: () => number
): FileSystem.File => ({
  [FileSystem.FileTypeId]: FileSystem.FileTypeId,
  get stat() {
    return around("stat", path, file.stat)
  },
  sync: file.sync,
  seek: (offset, from) => file.seek(offset, from),
  read: (buffer, options) => around("read", path, file.read(buffer, options)),
  readAlloc: (size, options) => around("read", path, file.readAlloc(size, options)),
  truncate: (length) => file.truncate(length),
  write: (buffer) => around("write", path, file.write(buffer), buffer.length),
  writeAll: (buffer) => {
    let begun = false
    const whole = Effect.suspend(() => {
      begun = true
      return file.writeAll(buffer)
    })
    return Effect.tapError(around("write", path, whole, buffer.length), () =>
      begun ? Effect.void : file.writeAll(buffer.subarray(0, written()))
    )
  }
})

type Around = <A, R>(
  operation: FileOperation,
  path: string,
  effect: Effect.Effect<A, PlatformError, R>,
  bytes?: number
) => Effect.Effect<A, PlatformError, R>

const aroundOf =
  (interceptor: FileInterceptor): Around =>
  (operation, path, effect, bytes = 0) =>
    // Uninterruptible, so that `after` runs for every `before`.
    Effect.uninterruptibleMask((restore) =>
      interceptor
        .before(operation, path, bytes)
        .pipe(
          Effect.andThen(restore(effect)),
          Effect.ensuring(Effect.suspend(() => interceptor.after(operation, path)))
        )
    )

/** Returns a file system that runs `interceptor` around each {@link FileOperation}. Other operations are unchanged. */
export const intercept = (fs: FileSystem.FileSystem, interceptor: FileInterceptor): FileSystem.FileSystem => {
  const around = aroundOf(interceptor)
  return {
    ...fs,
    open: (path, options) =>
      Effect.map(around("open", path, fs.open(path, options)), (file) =>
        interceptFile(file, path, around, () => interceptor.writtenBytes?.() ?? 0)
      ),
    stat: (path) => around("stat", path, fs.stat(path)),
    lstat: (path) => around("stat", path, fs.lstat(path)),
    rename: (from, to) => around("rename", from, fs.rename(from, to)),
    remove: (path, options) => around("remove", path, fs.remove(path, options)),
    makeDirectory: (path, options) => around("makeDirectory", path, fs.makeDirectory(path, options)),
    readDirectory: (path, options) => around("readDirectory", path, fs.readDirectory(path, options)),
    utimes: (path, atime, mtime) => around("utimes", path, fs.utimes(path, atime, mtime)),
    chmod: (path, mode) => around("chmod", path, fs.chmod(path, mode))
  }
}

/**
 * Returns an InodeChanges that runs `interceptor` around each call of `inodeChanges`. The interceptor receives the
 * operation `stat`.
 */
export const interceptInodeChanges =
  (inodeChanges: typeof InodeChanges.Service, interceptor: FileInterceptor): typeof InodeChanges.Service =>
  (path) =>
    aroundOf(interceptor)("stat", path, inodeChanges(path))

/** Sets the faults of a FileSystem, and counts the failures that they cause. */
export class FileFaults extends Context.Service<
  FileFaults,
  {
    /** Replaces all faults, and restarts the counts of calls and failures. */
    readonly set: (...faults: ReadonlyArray<FileFault>) => Effect.Effect<void>
    /** Number of failures caused since the last `set`. */
    readonly injectedFailures: Effect.Effect<number>
  }
>()("@registry-packages-proxy/testkit/FaultyFileSystem") {}

const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const inodeChanges = yield* InodeChanges
  let active: ReadonlyArray<{ readonly fault: FileFault; calls: number }> = []
  let injected = 0
  let written = 0
  const interceptor: FileInterceptor = {
    before: (operation, path) =>
      Effect.suspend(() => {
        for (const entry of active) {
          const {
            code,
            fromCall = 1,
            pathIncludes: part = "",
            reason,
            times = Number.POSITIVE_INFINITY
          } = entry.fault
          if (entry.fault.operation !== operation || !path.includes(part)) continue
          entry.calls++
          if (entry.calls < fromCall || entry.calls >= fromCall + times) continue
          injected++
          written = entry.fault.writtenBytes ?? 0
          return Effect.fail(
            systemError({
              _tag: reason,
              module: "FileSystem",
              method: operation,
              pathOrDescriptor: path,
              ...(code === undefined ? {} : { cause: Object.assign(new Error(code), { code }) })
            })
          )
        }
        return Effect.void
      }),
    after: () => Effect.void,
    writtenBytes: () => written
  }
  const faults = FileFaults.of({
    set: (...faults) =>
      Effect.sync(() => {
        active = faults.map((fault) => ({ fault, calls: 0 }))
        injected = 0
      }),
    injectedFailures: Effect.sync(() => injected)
  })
  return Context.make(FileSystem.FileSystem, intercept(fs, interceptor)).pipe(
    Context.add(InodeChanges, interceptInodeChanges(inodeChanges, interceptor)),
    Context.add(FileFaults, faults)
  )
})

/**
 * Wraps the FileSystem that is provided to this layer. Also wraps the reference {@link InodeChanges}, although the type
 * of the layer does not show it. Both work normally until a test sets faults.
 */
export const layer: Layer.Layer<FileSystem.FileSystem | FileFaults, never, FileSystem.FileSystem> =
  Layer.effectContext(make)
