import {
  readInBackground,
  get,
  peek,
  read,
  settled
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
  Effect.forEach(packages, (wanted) => Effect.andThen(get(wanted), settled(wanted)), { discard: true })

const isCached = (wanted: TestPackage) => Effect.map(peek(wanted.key), Option.isSome)

const degraded = DigestCache.use((cache) => cache.degraded)

/** Makes the volume full for `times` calls of an operation, beginning with call number `from`. */
const full = (
  harness: Harness,
  options: {
    readonly operation: FileOperation
    readonly code?: string
    readonly from?: number
    readonly times?: number
    readonly written?: number
  }
) => harness.faults.set({ reason: "Unknown", code: "ENOSPC", path: "ingest", times: 1, ...options })

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
                  yield* get(first)
                  const wanted = new TestPackage({ size, seed: 4 })
                  yield* full(harness, { operation, code })
                  assert.deepStrictEqual(yield* get(wanted), { result: "miss", right: true })
                  yield* settled(wanted)
                  assert.strictEqual(yield* harness.faults.injected, 1)
                  assert.isTrue(yield* isCached(wanted))
                  assert.isFalse(yield* degraded)
                  assert.lengthOf(yield* harness.blobs, 3)
                  assert.isTrue(yield* isCached(first), "used last")
                  assert.isTrue(yield* isCached(third))
                  yield* harness.faults.set()
                  // The evicted package is still served if it is in memory.
                  assert.strictEqual((yield* get(second)).result, size === small ? "memory" : "miss")
                  yield* settled(second)
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
          yield* wanted.held
          // This caller reads nothing before the failure.
          const idle = yield* DigestCache.use((cache) => cache.open(wanted.key, wanted.source()))
          yield* full(harness, { operation: "write" })
          wanted.proceed()
          for (const [index, [start, end]] of ranges.entries()) {
            const bytes = yield* Fiber.join(readers[index]?.fiber ?? assert.fail("no reader"))
            assert.isTrue(bytes.equals(wanted.bytes.subarray(start, end)), `${start} to ${end}`)
          }
          assert.isTrue((yield* read(idle)).equals(wanted.bytes))
          assert.deepStrictEqual(wanted.offsets, [0], "there is no second request to upstream")
          yield* settled(wanted)
          assert.deepStrictEqual(yield* get(wanted), { result: "hit", right: true })
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
          yield* full(harness, { operation: "write", from: 2, written: 777 })
          assert.deepStrictEqual(yield* get(wanted), { result: "miss", right: true })
          yield* settled(wanted)
          assert.strictEqual(yield* harness.faults.injected, 1)
          assert.deepStrictEqual(yield* get(wanted), { result: "hit", right: true })
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
          assert.isTrue((yield* get(wanted)).right)
          yield* settled(wanted)
          assert.lengthOf(yield* harness.blobs, 3)
          assert.isTrue(yield* degraded)
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* get(wanted), { result: "miss", right: true })
          yield* settled(wanted)
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
          assert.isTrue((yield* get(wanted)).right)
          assert.isTrue((yield* read(reading)).equals(present.bytes))
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
            assert.deepStrictEqual(yield* get(wanted), { result: "bypass", right: true })
            assert.strictEqual(yield* harness.faults.injected, 2)
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
            assert.isTrue((yield* get(new TestPackage({ size: large, seed: 4 }))).right)
            yield* settle
          }
          assert.lengthOf(yield* harness.blobs, 3)
        })
      )
    )
  )
})
