import {
  readInBackground,
  openAndRead,
  peek,
  readRange,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import type { FileOperation } from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { DigestCache } from "../../src/DigestCache.ts"
import { assertRoom, type Harness, withHarness } from "../Harness.ts"

const large = 1_000_003
const small = 10_000

const packagesOf = (size: number) => [1, 2, 3].map((seed) => new TestPackage({ size, seed }))

const fill = (packages: ReadonlyArray<TestPackage>) =>
  Effect.forEach(packages, (wanted) => Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted)), {
    discard: true
  })

const isCached = (wanted: TestPackage) => Effect.map(peek(wanted.key), Option.isSome)

const degraded = DigestCache.use((cache) => cache.degraded)

/**
 * Simulates a full volume: an operation on temporary files fails. The first failing call is number `fromCall`. From
 * this call on, `times` calls fail (default: 1).
 */
const full = (
  harness: Harness,
  options: {
    readonly operation: FileOperation
    readonly code?: string
    readonly fromCall?: number
    readonly times?: number
    readonly writtenBytes?: number
  }
) => harness.faults.set({ reason: "Unknown", code: "ENOSPC", pathIncludes: "ingest", times: 1, ...options })

describe("DigestCache on a volume that is full below its cap", () => {
  for (const code of ["ENOSPC", "EDQUOT"] as const) {
    for (const size of [small, large]) {
      for (const operation of ["open", "write", "rename"] as const) {
        it.effect(
          `evicts the least recently used package and caches the new one (${code}, ${operation}, ${size} bytes)`,
          () =>
            withHarness((harness) =>
              harness.run(
                Effect.gen(function* () {
                  const packages = packagesOf(size)
                  yield* fill(packages)
                  const [first, second, third] = packages
                  if (first === undefined || second === undefined || third === undefined) return
                  yield* openAndRead(first)
                  const wanted = new TestPackage({ size, seed: 4 })
                  yield* full(harness, { operation, code })
                  assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
                  yield* awaitPullEnd(wanted)
                  assert.strictEqual(yield* harness.faults.injectedFailures, 1)
                  assert.isTrue(yield* isCached(wanted))
                  assert.isFalse(yield* degraded)
                  assert.lengthOf(yield* harness.blobs, 3)
                  assert.isTrue(yield* isCached(first), "used last")
                  assert.isTrue(yield* isCached(third))
                  yield* harness.faults.set()
                  // The evicted package is still served if it is in memory.
                  assert.strictEqual((yield* openAndRead(second)).result, size === small ? "memory" : "miss")
                  yield* awaitPullEnd(second)
                  yield* assertRoom()
                })
              )
            )
        )
      }
    }
  }

  it.effect("breaks no reader of the package being written: all receive the right bytes", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const packages = packagesOf(large)
          yield* fill(packages)
          const wanted = new TestPackage({ size: large, seed: 4 })
          wanted.holdAt(400_000)
          const ranges = [
            [0, large],
            [0, 100_000],
            [399_999, 400_001],
            [700_000, large]
          ] as const
          const readers = yield* Effect.forEach(ranges, ([start, end]) =>
            readInBackground(wanted, { start, end })
          )
          yield* wanted.awaitHeld
          // This caller reads nothing before the failure.
          const idle = yield* DigestCache.use((cache) => cache.open(wanted.key, wanted.source()))
          yield* full(harness, { operation: "write" })
          wanted.release()
          for (const [index, [start, end]] of ranges.entries()) {
            const bytes = yield* Fiber.join(readers[index]?.fiber ?? assert.fail("no reader"))
            assert.isTrue(bytes.equals(wanted.bytes.subarray(start, end)), `${start} to ${end}`)
          }
          assert.isTrue((yield* readRange(idle)).equals(wanted.bytes))
          assert.deepStrictEqual(wanted.streamOffsets, [0], "there is no second request to upstream")
          yield* awaitPullEnd(wanted)
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
        }).pipe(Effect.scoped)
      )
    )
  )

  it.effect("writes each byte at its position after a partial write", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          yield* fill(packagesOf(large))
          const wanted = new TestPackage({ size: large, seed: 4 })
          yield* full(harness, { operation: "write", fromCall: 2, writtenBytes: 777 })
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
          yield* awaitPullEnd(wanted)
          assert.strictEqual(yield* harness.faults.injectedFailures, 1)
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
        })
      )
    )
  )

  it.effect("evicts nothing if that is not enough, and bypasses the cache", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const packages = packagesOf(small)
          yield* fill(packages)
          const wanted = new TestPackage({ size: large, seed: 4 })
          yield* full(harness, { operation: "write", times: 100 })
          assert.isTrue((yield* openAndRead(wanted)).isCorrect)
          yield* awaitPullEnd(wanted)
          assert.lengthOf(yield* harness.blobs, 3)
          assert.isTrue(yield* degraded)
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
          yield* awaitPullEnd(wanted)
          assert.isFalse(yield* degraded)
        })
      )
    )
  )

  it.effect("evicts no package that is being read, and bypasses the cache instead", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const [present] = packagesOf(large)
          if (present === undefined) return
          yield* fill([present])
          const reading = yield* DigestCache.use((cache) => cache.open(present.key, present.source()))
          const wanted = new TestPackage({ size: large, seed: 4 })
          yield* full(harness, { operation: "write", times: 100 })
          assert.isTrue((yield* openAndRead(wanted)).isCorrect)
          assert.isTrue((yield* readRange(reading)).equals(present.bytes))
          assert.isTrue(yield* isCached(present))
        }).pipe(Effect.scoped)
      )
    )
  )

  it.effect(
    "retries once: on a volume that stays full the package bypasses the cache and one package is evicted",
    () =>
      withHarness((harness) =>
        harness.run(
          Effect.gen(function* () {
            yield* fill(packagesOf(large))
            const wanted = new TestPackage({ size: large, seed: 4 })
            yield* full(harness, { operation: "open", times: 100 })
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
            assert.strictEqual(yield* harness.faults.injectedFailures, 2)
            assert.lengthOf(yield* harness.blobs, 2)
            assert.isTrue(yield* degraded)
          })
        )
      )
  )

  it.effect("other disk errors evict nothing", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          yield* fill(packagesOf(large))
          for (const operation of ["open", "write", "rename"] as const) {
            yield* full(harness, { operation, code: "EIO", times: 100 })
            assert.isTrue((yield* openAndRead(new TestPackage({ size: large, seed: 4 }))).isCorrect)
            yield* settle
          }
          assert.lengthOf(yield* harness.blobs, 3)
        })
      )
    )
  )
})
