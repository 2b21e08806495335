import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { FileFaults, layer as layerFaulty } from "@registry-packages-proxy/testkit/FaultyFileSystem"
import { Context, Effect, FileSystem, Layer, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import { rmSync, statfsSync, writeFileSync } from "node:fs"

/** A small disk for a cache directory, and what can happen to it. */
export interface Volume {
  /** Whether it is a tmpfs of its own; where the user may not mount, faults stand in for it. */
  readonly real: boolean
  readonly directory: string
  readonly files: Layer.Layer<FileSystem.FileSystem>
  readonly fill: Effect.Effect<void>
  readonly makeReadOnly: Effect.Effect<void>
  /** Takes back both. */
  readonly mend: Effect.Effect<void>
  /** Deletes the cache directory from outside. */
  readonly remove: Effect.Effect<void>
}

const mount = (...args: ReadonlyArray<string>) =>
  Effect.try(() => execFileSync("mount", args, { stdio: "pipe" }))

/** The volume's size in bytes. */
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

const makeFaulty = Effect.fnUntraced(function* (root: string): Effect.fn.Return<Volume, never, Scope.Scope> {
  const context = yield* Layer.build(layerFaulty.pipe(Layer.provide(NodeFileSystem.layer)))
  const faults = Context.get(context, FileFaults)
  const changes = ["write", "rename", "remove", "makeDirectory", "utimes"] as const
  return {
    real: false,
    directory: `${root}/cache`,
    files: Layer.succeed(FileSystem.FileSystem, Context.get(context, FileSystem.FileSystem)),
    fill: faults.set({ operation: "write", reason: "WriteZero" }),
    makeReadOnly: faults.set(
      { operation: "open", path: "ingest", reason: "PermissionDenied" },
      ...changes.map((operation) => ({ operation, reason: "PermissionDenied" }) as const)
    ),
    mend: faults.set(),
    remove: Effect.sync(() => rmSync(`${root}/cache`, { recursive: true }))
  }
})

/** A tmpfs mounted for the test where the user may mount, else a directory with faults, which is said. */
export const make = Effect.gen(function* () {
  const root = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
  const mounted = yield* Effect.acquireRelease(
    Effect.isSuccess(mount("-t", "tmpfs", "-o", `size=${size}`, "registry-packages-proxy-test", root)),
    (mounted) =>
      mounted
        ? Effect.sync(() => void execFileSync("umount", ["--lazy", root], { stdio: "pipe" }))
        : Effect.void
  )
  if (!mounted) process.stdout.write("no right to mount: a faulty file system stands in for a small tmpfs\n")
  return mounted ? makeReal(root) : yield* makeFaulty(root)
})
