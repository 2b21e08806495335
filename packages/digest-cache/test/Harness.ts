import * as NodeServices from "@effect/platform-node/NodeServices"
import { type CacheOptions, DigestCache } from "../src/DigestCache.ts"
import { InodeChanges } from "../src/InodeChanges.ts"
import { openAndRead } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import {
  FileFaults,
  intercept,
  interceptInodeChanges,
  type FileInterceptor,
  layer as layerFaulty
} from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, FileSystem, Layer, Path, Scope } from "effect"
import { readdirSync, readlinkSync } from "node:fs"

/** Returns the paths of a directory's files that this process has open, including unlinked files. */
export const openIn = (directory: string): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(directory) ? [target] : []
    } catch {
      // `readdirSync` has already closed its own descriptor, which is in the listing too.
      return []
    }
  })

/**
 * The environment of one test. Contains a temporary directory, and makes caches that store packages in this directory.
 * A test can make file operations wait or fail.
 */
export interface Harness {
  readonly directory: string
  readonly faults: FileFaults["Service"]
  readonly fs: FileSystem.FileSystem
  /**
   * The functions that run before and after each file operation. A test replaces these hooks to observe, delay or fail
   * an operation.
   */
  readonly hooks: { before: FileInterceptor["before"]; after: FileInterceptor["after"] }
  /** Makes a cache. If `options.directory` is set, the cache stores packages there, else in `directory`. */
  readonly live: (options?: Partial<CacheOptions>) => Layer.Layer<DigestCache>
  /**
   * Runs `body` with a new cache that stores packages in `directory`. Then stops the cache, and asserts that no file is
   * open and no temporary file is left.
   */
  readonly run: <A, E>(
    body: Effect.Effect<A, E, DigestCache | Scope.Scope>,
    options?: Partial<CacheOptions>
  ) => Effect.Effect<A, E>
  readonly blobs: Effect.Effect<ReadonlyArray<string>>
  readonly pathOf: (fileName: string) => string
}

export const defaultCap = 4 * 1024 * 1024

/** Asserts that no space is leaked, by caching a package that needs the whole `cap`. */
export const assertRoom = (cap = defaultCap) =>
  Effect.gen(function* () {
    const filling = new TestPackage({ size: cap - 4 * 4096, seed: 77 })
    assert.deepStrictEqual(yield* openAndRead(filling), { result: "miss", isCorrect: true })
  })

/** Returns the names of the temporary files (`ingest-N`). */
export const unfinished = (fs: FileSystem.FileSystem, directory: string) =>
  fs.readDirectory(`${directory}/blobs`).pipe(
    Effect.orElseSucceed(() => []),
    Effect.map((names) => names.filter((name) => name.startsWith("ingest-")))
  )

/** Asserts that no file is open and no temporary file is left. */
const assertClean = (fs: FileSystem.FileSystem, directory: string) =>
  Effect.gen(function* () {
    assert.deepStrictEqual(openIn(directory), [], "open descriptors")
    assert.deepStrictEqual(yield* unfinished(fs, directory), [], "temporary files")
  })

const make = Effect.gen(function* () {
  const node = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const hooks: Harness["hooks"] = { before: () => Effect.void, after: () => Effect.void }
  const interceptor: FileInterceptor = {
    before: (...call) => hooks.before(...call),
    after: (...call) => hooks.after(...call)
  }
  const context = yield* Layer.build(layerFaulty).pipe(
    Effect.provideService(FileSystem.FileSystem, intercept(node, interceptor)),
    Effect.provideService(InodeChanges, interceptInodeChanges(yield* InodeChanges, interceptor))
  )
  const directory = yield* node.makeTempDirectoryScoped()
  const faults = Context.get(context, FileFaults)
  const live: Harness["live"] = (options) =>
    DigestCache.layer({ directory, cap: defaultCap, ...options }).pipe(
      Layer.provide(Layer.mergeAll(Layer.succeedContext(context), Layer.succeed(Path.Path, path))),
      Layer.fresh
    )
  const run: Harness["run"] = (body, options) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const exit = yield* Layer.buildWithScope(live(options), scope).pipe(
        Effect.flatMap((services) => Effect.provideContext(Effect.scoped(body), services)),
        Effect.exit
      )
      yield* Scope.close(scope, Exit.void)
      yield* faults.set()
      if (Exit.isSuccess(exit)) yield* assertClean(node, directory)
      return yield* exit
    })
  const harness: Harness = {
    directory,
    faults,
    fs: node,
    hooks,
    live,
    run,
    blobs: Effect.map(Effect.orDie(node.readDirectory(path.join(directory, "blobs"))), (names) =>
      names.filter((name) => !name.startsWith("ingest-"))
    ),
    pathOf: (fileName) => path.join(directory, "blobs", fileName)
  }
  return harness
})

/** Runs a test with its own harness, on the real file system. */
export const withHarness = <E>(body: (harness: Harness) => Effect.Effect<void, E>) =>
  Effect.flatMap(make, body).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
