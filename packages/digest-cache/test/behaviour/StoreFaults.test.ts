import { BodyError } from "../../src/BodyError.ts"
import {
  readInBackground,
  openAndRead,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import * as FaultyBlobStore from "@registry-packages-proxy/testkit/blob-store/FaultyBlobStore"
import { StoreFaults } from "@registry-packages-proxy/testkit/blob-store/FaultyBlobStore"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, type Scope } from "effect"
import { BlobStore } from "../../src/BlobStore.ts"
import { DigestCache } from "../../src/DigestCache.ts"

const large = 1_000_003
const small = 20_011

const degraded = DigestCache.use((cache) => cache.degraded)

const list = BlobStore.use((store) => store.list)

/** Runs a test on a cache over a store that can fail. The cache can keep one small package in memory. */
const overFaults = <E>(
  body: (set: StoreFaults["Service"]["set"]) => Effect.Effect<void, E, DigestCache | BlobStore | Scope.Scope>
) =>
  Effect.flatMap(StoreFaults, ({ set }) => body(set)).pipe(
    Effect.scoped,
    Effect.provide(
      DigestCache.layerStore({ maxMemory: small + 1000 }).pipe(
        Layer.provideMerge(FaultyBlobStore.layer),
        Layer.provide(BlobStore.layerMemory({ cap: 4 * 1024 * 1024 }))
      ),
      { local: true }
    )
  )

const kept = (wanted: TestPackage) => Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))

describe("DigestCache over a failing store", () => {
  for (const operation of ["find", "reserve", "write", "seal", "commit"] as const) {
    for (const size of [small, large]) {
      it.effect(`returns the right bytes when ${operation} fails, and caches nothing (${size} bytes)`, () =>
        overFaults((set) =>
          Effect.gen(function* () {
            const wanted = new TestPackage({ size, seed: 1 })
            yield* set({ operation })
            for (let times = 0; times < 3; times++) {
              assert.isTrue((yield* openAndRead(wanted)).isCorrect)
              yield* awaitPullEnd(wanted)
            }
            assert.isTrue(yield* degraded)
            assert.deepStrictEqual(yield* list, [])
            yield* set()
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
            yield* awaitPullEnd(wanted)
            assert.lengthOf(yield* list, 1)
            assert.isFalse(yield* degraded)
          })
        )
      )
    }
  }

  for (const operation of ["find", "open"] as const) {
    it.effect(`bypasses the store when ${operation} fails, and hits again when it works`, () =>
      overFaults((set) =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* kept(wanted)
          yield* set({ operation })
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
          assert.isTrue(yield* degraded)
          yield* set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
          assert.isFalse(yield* degraded)
        })
      )
    )
  }

  for (const operation of ["read", "unchanged"] as const) {
    it.effect(`breaks readers of a large package when ${operation} fails, and keeps the package`, () =>
      overFaults((set) =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* kept(wanted)
          yield* set({ operation })
          const error = yield* Effect.flip(openAndRead(wanted))
          assert.instanceOf(error, BodyError)
          assert.strictEqual(error.reason._tag, "DiskFailed")
          yield* set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
        })
      )
    )
  }

  it.effect("bypasses the store when a small package cannot be read", () =>
    overFaults((set) =>
      Effect.gen(function* () {
        const [wanted, other] = [1, 2].map((seed) => new TestPackage({ size: small, seed }))
        if (wanted === undefined || other === undefined) return
        yield* Effect.andThen(kept(wanted), kept(other))
        yield* set({ operation: "read" })
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
        yield* set()
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
      })
    )
  )

  it.effect("continues from upstream when a write fails midway, each reader at its own position", () =>
    overFaults((set) =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 1 })
        wanted.holdAt(400_000)
        const ranges = [
          [0, large],
          [399_000, 700_000]
        ] as const
        const readers = yield* Effect.forEach(ranges, ([start, end]) =>
          readInBackground(wanted, { start, end })
        )
        yield* wanted.awaitHeld
        yield* set({ operation: "write" })
        wanted.release()
        for (const [index, [start, end]] of ranges.entries()) {
          const bytes = yield* Fiber.join(readers[index]?.fiber ?? assert.fail("no reader"))
          assert.isTrue(bytes.equals(wanted.bytes.subarray(start, end)))
        }
        assert.deepStrictEqual(wanted.streamOffsets, [0, 400_000, 400_000])
      })
    )
  )

  it.effect("a package that is stored during a look-up is found, and fetched once", () =>
    Effect.gen(function* () {
      const wanted = new TestPackage({ size: large, seed: 1 })
      yield* Effect.gen(function* () {
        const readers = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 30 }), () => openAndRead(wanted), { concurrency: "unbounded" })
        )
        assert.isTrue((yield* Fiber.join(readers)).every(({ isCorrect }) => isCorrect))
        assert.strictEqual(wanted.resolveCalls, 1)
      }).pipe(Effect.provide(slowlyFinding, { local: true }))
    })
  )
})

/**
 * A cache over a store with slow look-ups. Each look-up takes longer than the previous look-up, and does not find a
 * blob that is added during the look-up.
 */
const slowlyFinding = DigestCache.layerStore().pipe(
  Layer.provide(
    Layer.effect(
      BlobStore,
      Effect.map(BlobStore, (store) => {
        let looks = 0
        return BlobStore.of({
          ...store,
          find: (key) =>
            Effect.tap(store.find(key), () =>
              Effect.forEach(Array.from({ length: 40 * looks++ }), () => Effect.yieldNow, { discard: true })
            )
        })
      })
    )
  ),
  Layer.provide(BlobStore.layerMemory({ cap: 4 * 1024 * 1024 }))
)
