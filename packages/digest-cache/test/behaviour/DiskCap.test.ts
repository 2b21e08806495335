import * as NodeServices from "@effect/platform-node/NodeServices"
import {
  readInBackground,
  openAndRead,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { intercept } from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Layer } from "effect"
import { DigestCache } from "../../src/DigestCache.ts"
import { diskUse } from "@registry-packages-proxy/testkit/blob-store/DiskUse"

const cap = 4 * 1024 * 1024

/**
 * Makes a cache whose disk use is measured after each file operation. `sampling.most` is the largest measurement in
 * bytes.
 */
const sampled = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  const sampling = { samples: 0, most: 0, directory }
  const sample = Effect.sync(() => {
    sampling.samples++
    sampling.most = Math.max(sampling.most, diskUse(directory))
  })
  const watched = intercept(fs, {
    before: () => Effect.void,
    after: (operation) =>
      operation === "write" || operation === "open" || operation === "rename" || operation === "remove"
        ? sample
        : Effect.void
  })
  const cache = DigestCache.layer({ directory, cap }).pipe(
    Layer.provide(Layer.succeed(FileSystem.FileSystem, watched))
  )
  return { sampling, cache }
}).pipe(Effect.orDie)

const withSampled = <E>(
  body: (sampling: { readonly directory: string }) => Effect.Effect<void, E, DigestCache>
): Effect.Effect<void, E> =>
  Effect.gen(function* () {
    const { cache, sampling } = yield* sampled
    yield* Effect.provide(body(sampling), cache)
    assert.isAbove(sampling.samples, 0)
    assert.isAtMost(sampling.most, cap)
    assert.isAbove(sampling.most, cap / 2, "the cache stored packages")
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("the cap on disk use", () => {
  it.effect("holds after every write while thirty packages are fetched at once", () =>
    withSampled(() =>
      Effect.gen(function* () {
        const sizes = [5000, 100_000, 300_000, 700_000, 1_300_000, 2_500_000]
        const packages = Array.from(
          { length: 30 },
          (_, seed) => new TestPackage({ size: (sizes[seed % sizes.length] ?? 0) + seed, seed })
        )
        for (const concurrency of [30, 7]) {
          const results = yield* Effect.forEach(packages, (wanted) => openAndRead(wanted), { concurrency })
          assert.isTrue(results.every(({ isCorrect }) => isCorrect))
        }
      })
    )
  )

  it.effect("counts unlinked files that are still read, and evicts no package in use", () =>
    withSampled(({ directory }) =>
      Effect.gen(function* () {
        const [used, other, next] = [1, 2, 3].map((seed) => new TestPackage({ size: 1_500_000, seed }))
        if (used === undefined || other === undefined || next === undefined) return
        // Readers receive the last bytes shortly before the fill releases its space, so wait until the fills have
        // ended.
        yield* Effect.forEach([used, other], (wanted) =>
          Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
        )
        yield* Effect.gen(function* () {
          const cache = yield* DigestCache
          const reading = yield* cache.open(used.key, used.source())
          assert.strictEqual(reading.cacheResult, "hit")
          assert.deepStrictEqual(yield* openAndRead(next), { result: "miss", isCorrect: true })
          assert.isAtMost(diskUse(directory), cap)
          assert.strictEqual(
            (yield* openAndRead(used)).result,
            "hit",
            "the package that was not open was evicted, although it was used later"
          )
          const rest = yield* cache.open(next.key, next.source())
          assert.strictEqual(rest.cacheResult, "hit")
          assert.deepStrictEqual(yield* openAndRead(other), { result: "bypass", isCorrect: true })
        }).pipe(Effect.scoped)
        assert.deepStrictEqual(yield* openAndRead(other), { result: "miss", isCorrect: true })
      })
    )
  )

  it.effect("readers of a finished fill keep its space charged", () =>
    withSampled(() =>
      Effect.gen(function* () {
        const [one, two] = [1, 2].map((seed) => new TestPackage({ size: 2_500_000, seed }))
        if (one === undefined || two === undefined) return
        yield* Effect.gen(function* () {
          const reader = yield* readInBackground(one)
          yield* Fiber.join(reader.fiber)
          assert.deepStrictEqual(yield* openAndRead(two), { result: "bypass", isCorrect: true })
        }).pipe(Effect.scoped)
        assert.deepStrictEqual(yield* openAndRead(two), { result: "miss", isCorrect: true })
      })
    )
  )
})
