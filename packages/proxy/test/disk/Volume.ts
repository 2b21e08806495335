import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { diskUse } from "@registry-packages-proxy/testkit/blob-store/DiskUse"
import {
  FileFaults,
  intercept,
  layer as layerFaulty
} from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { Context, Effect, FileSystem, Layer, type Scope } from "effect"
import { systemError } from "effect/PlatformError"
import { execFileSync } from "node:child_process"
import { readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"

/** A small volume for a cache directory. A test can fill it, make it read-only, and delete the directory. */
export interface Volume {
  /**
   * True if the volume is a tmpfs. False if its limits and faults are simulated, because the user has no right to
   * mount.
   */
  readonly real: boolean
  readonly directory: string
  readonly files: Layer.Layer<FileSystem.FileSystem>
  /** Fills the free space, as a file outside the cache directory would. */
  readonly fill: Effect.Effect<void>
  readonly makeReadOnly: Effect.Effect<void>
  /** Undoes `fill` and `makeReadOnly`. */
  readonly mend: Effect.Effect<void>
  /** Deletes the cache directory, as another process would. */
  readonly remove: Effect.Effect<void>
}

const mount = (...args: ReadonlyArray<string>) =>
  Effect.try(() => execFileSync("mount", args, { stdio: "pipe" }))

/** The size of each volume, in bytes. */
export const size = 2 * 1024 * 1024

const makeReal = (root: string): Volume => {
  const ballast = `${root}/ballast`
  return {
    real: true,
    directory: `${root}/cache`,
    files: NodeFileSystem.layer,
    fill: Effect.sync(() => {
      const { bavail, bsize } = statfsSync(root)
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail - 1) * bsize))
    }),
    makeReadOnly: Effect.orDie(Effect.asVoid(mount("-o", "remount,ro", root))),
    mend: Effect.andThen(Effect.orDie(mount("-o", "remount,rw", root)), () =>
      Effect.sync(() => rmSync(ballast, { force: true }))
    ),
    remove: Effect.sync(() => rmSync(`${root}/cache`, { recursive: true }))
  }
}

/**
 * Simulates a volume with little space and few inodes. If the volume is full, creating or writing a new cache file
 * fails with ENOSPC. The result has a function `take`, which sets the number of bytes that files outside the cache use.
 */
const limited = (fs: FileSystem.FileSystem, root: string, inodes: number) => {
  let taken = 0
  const full = (operation: string, path: string) =>
    systemError({
      _tag: "Unknown",
      module: "FileSystem",
      method: operation,
      pathOrDescriptor: path,
      cause: Object.assign(new Error("no space left on device"), { code: "ENOSPC" })
    })
  const files = intercept(fs, {
    before: (operation, path, bytes) =>
      Effect.suspend(() => {
        if (!path.includes("/ingest-")) return Effect.void
        const hasRoom =
          operation === "write"
            ? diskUse(root) + bytes + taken <= size
            : operation !== "open" || readdirSync(root, { recursive: true }).length < inodes
        return hasRoom ? Effect.void : Effect.fail(full(operation, path))
      }),
    after: () => Effect.void
  })
  return {
    files,
    take: (bytes: number): void => {
      taken = bytes
    }
  }
}

const makeFaulty = Effect.fnUntraced(function* (
  root: string,
  inodes: number
): Effect.fn.Return<Volume, never, FileSystem.FileSystem | Scope.Scope> {
  const { files, take } = limited(yield* FileSystem.FileSystem, root, inodes)
  const context = yield* Layer.build(
    layerFaulty.pipe(Layer.provide(Layer.succeed(FileSystem.FileSystem, files)))
  )
  const faults = Context.get(context, FileFaults)
  const changes = ["write", "rename", "remove", "makeDirectory", "utimes", "chmod"] as const
  return {
    real: false,
    directory: `${root}/cache`,
    files: Layer.succeedContext(context),
    fill: Effect.sync(() => take(size - diskUse(root))),
    makeReadOnly: faults.set(
      { operation: "open", pathIncludes: "ingest", reason: "PermissionDenied" },
      ...changes.map((operation) => ({ operation, reason: "PermissionDenied" }) as const)
    ),
    mend: Effect.andThen(faults.set(), () => Effect.sync(() => take(0))),
    remove: Effect.sync(() => rmSync(`${root}/cache`, { recursive: true }))
  }
})

/**
 * Mounts a small tmpfs if the user has the right to mount. Otherwise prints a line, and makes a directory with
 * simulated limits and faults. The tmpfs is unmounted when the scope ends.
 */
export const make = Effect.fnUntraced(function* (options: { readonly inodes?: number } = {}) {
  const { inodes = 10_000 } = options
  const root = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
  const limits = `size=${size},nr_inodes=${inodes}`
  const mounted = yield* Effect.acquireRelease(
    Effect.isSuccess(mount("-t", "tmpfs", "-o", limits, "registry-packages-proxy-test", root)),
    (mounted) =>
      mounted
        ? Effect.sync(() => void execFileSync("umount", ["--lazy", root], { stdio: "pipe" }))
        : Effect.void
  )
  if (!mounted) process.stdout.write("no right to mount: a faulty file system stands in for a small tmpfs\n")
  return mounted ? makeReal(root) : yield* makeFaulty(root, inodes)
})
