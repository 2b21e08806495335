import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import {
  admissionResult,
  type CacheLayer,
  awaitStreamsClosed,
  openAndRead,
  peek,
  readRange,
  awaitPullEnd,
  testsWithCache
} from "./DigestCacheClient.ts"
import { TestPackage } from "./TestPackage.ts"

/** The size limit, in bytes, of the cache that a suite tests. The limit includes the overhead of each package. */
export const cacheCapBytes = 4 * 1024 * 1024

const large = 1_000_003
const small = 20_011

/** Defines the tests that every DigestCache must pass. The size limit of the cache must be {@link cacheCapBytes}. */
export const suite = (name: string, cache: CacheLayer) =>
  describe(`DigestCache (${name})`, () => {
    const test = testsWithCache(cache)

    test("open - a package is pulled from its source once, then served from the cache", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 1 })
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
        yield* awaitPullEnd(wanted)
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
        assert.deepStrictEqual([wanted.resolveCalls, wanted.streamOffsets], [1, [0]])
      }))

    test("open - a small package is served from memory the second time", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: small, seed: 1 })
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
        yield* awaitPullEnd(wanted)
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "memory", isCorrect: true })
      }))

    test("findInMemory - returns only what open would return from memory", () =>
      Effect.gen(function* () {
        const cache = yield* DigestCache
        for (const size of [0, small, large]) {
          const wanted = new TestPackage({ size, seed: size })
          assert.isUndefined(DigestCache.findInMemory(cache, wanted.key), "before its first request")
          yield* openAndRead(wanted)
          yield* awaitPullEnd(wanted)
          const resident = DigestCache.findInMemory(cache, wanted.key)
          if (resident !== undefined) {
            assert.isTrue(wanted.bytes.equals(resident.bytes))
            assert.strictEqual((yield* openAndRead(wanted)).result, "memory")
            const opened = yield* cache.open(wanted.key, wanted.source())
            assert.deepStrictEqual(resident.descriptor, opened.descriptor)
          }
          assert.strictEqual(wanted.resolveCalls, 1)
        }
      }).pipe(Effect.scoped))

    test("open - an empty package is served like any other", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: 0, seed: 1 })
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
        yield* awaitPullEnd(wanted)
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "memory", isCorrect: true })
      }))

    test("open - every range returns its bytes, even while the package is being pulled", () =>
      Effect.gen(function* () {
        for (const size of [small, large]) {
          const wanted = new TestPackage({ size, seed: 2 })
          for (const _ of ["filling", "cached"]) {
            const opened = yield* (yield* DigestCache).open(wanted.key, wanted.source())
            assert.isTrue(opened.acceptsRanges)
            const ranges = [
              [0, size],
              [0, 1],
              [size - 1, size],
              [777, 10_000],
              [size - 9000, size - 3],
              [5, 5]
            ] as const
            yield* Effect.forEach(
              ranges,
              ([start, end]) =>
                Effect.map(readRange(opened, start, end), (bytes) =>
                  assert.isTrue(bytes.equals(wanted.bytes.subarray(start, end)), `${start} to ${end}`)
                ),
              { concurrency: "unbounded" }
            )
            yield* awaitPullEnd(wanted)
          }
        }
      }).pipe(Effect.scoped))

    test("open - a package resolved through an index is cached for its platform, and any other package for all platforms", () =>
      Effect.gen(function* () {
        for (const viaIndex of [true, false]) {
          const wanted = new TestPackage({
            size: small,
            seed: viaIndex ? 1 : 2,
            viaIndex,
            compression: "zstd"
          })
          yield* openAndRead(wanted)
          yield* awaitPullEnd(wanted)
          const other = { ...wanted.key, platform: "linux/arm64" as typeof wanted.key.platform }
          assert.strictEqual(Option.isNone(yield* peek(other)), viaIndex)
          const status = yield* peek(wanted.key)
          assert.deepStrictEqual(Option.getOrThrow(status).descriptor, wanted.descriptor)
        }
      }))

    for (const size of [small, large]) {
      test(`open - a hundred concurrent readers cause one pull (${size} bytes)`, () =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size, seed: 3 })
          wanted.holdAt(0)
          const readers = yield* Effect.forkChild(
            Effect.forEach(Array.from({ length: 100 }), () => openAndRead(wanted), {
              concurrency: "unbounded"
            })
          )
          yield* wanted.awaitHeld
          wanted.release()
          const results = yield* Fiber.join(readers)
          assert.isTrue(results.every(({ isCorrect }) => isCorrect))
          assert.lengthOf(
            results.filter(({ result }) => result === "miss"),
            1
          )
          assert.lengthOf(
            results.filter(({ result }) => result === "collapsed"),
            99
          )
          assert.deepStrictEqual([wanted.resolveCalls, wanted.streamOffsets], [1, [0]])
        }))
    }

    for (const held of [-1, 0, 500_000, large]) {
      test(`open - a reader that leaves does not stop the pull that it started (before byte ${held})`, () =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 4 })
          wanted.holdAt(held)
          const reader = yield* Effect.forkChild(openAndRead(wanted))
          yield* wanted.awaitHeld
          yield* Fiber.interrupt(reader)
          wanted.release()
          assert.isTrue((yield* openAndRead(wanted)).isCorrect)
          assert.deepStrictEqual([wanted.resolveCalls, wanted.streamOffsets], [1, [0]])
        }))
    }

    for (const failAt of [-1, 0]) {
      test(`open - readers that wait for the same source share its failure (before byte ${failAt})`, () =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 5 })
          wanted.holdAt(failAt)
          const waiting = (identity: string, count: number) =>
            Effect.forEach(Array.from({ length: count }), () => Effect.flip(openAndRead(wanted, identity)), {
              concurrency: "unbounded"
            })
          const mine = yield* Effect.forkChild(waiting("one", 10))
          yield* wanted.awaitHeld
          const others = yield* Effect.forkChild(waiting("two", 10), { startImmediately: true })
          wanted.failAt = failAt
          wanted.release()
          const failures = [...(yield* Fiber.join(mine)), ...(yield* Fiber.join(others))]
          const identities = failures.map((failure) =>
            "identity" in failure ? failure.identity : failure._tag
          )
          assert.deepStrictEqual(
            identities,
            ["one", "two"].flatMap((identity) => Array.from({ length: 10 }, () => identity))
          )
          assert.strictEqual(wanted.resolveCalls, 2, "one attempt for each source")
        }))
    }

    test("open - a failure is not cached", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 6 })
        wanted.failAt = -1
        assert.strictEqual((yield* Effect.flip(openAndRead(wanted)))._tag, "SourceFailed")
        wanted.failAt = undefined
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
      }))

    test("open - a small package with wrong, missing or extra bytes fails before its body", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: small, seed: 7 })
        const wrong = Buffer.from(wanted.bytes)
        wrong.writeUInt8(wrong.readUInt8(100) ^ 1, 100)
        for (const given of [wrong, wanted.bytes.subarray(1), Buffer.concat([wanted.bytes, Buffer.of(1)])]) {
          wanted.sourceBytes = given
          const error = yield* Effect.flip(openAndRead(wanted))
          assert.strictEqual(error._tag === "BodyError" ? error.reason._tag : error._tag, "DigestMismatch")
        }
        wanted.sourceBytes = wanted.bytes
        assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
      }))

    test("open - a package that does not fit bypasses the cache each time, and is sent whole", () =>
      Effect.gen(function* () {
        const cache = yield* DigestCache
        const wanted = new TestPackage({ size: cacheCapBytes, seed: 8 })
        assert.strictEqual(yield* admissionResult(cacheCapBytes), "bypass")
        for (const times of [1, 2]) {
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
          assert.lengthOf(wanted.streamOffsets, times)
        }
        const opened = yield* cache.open(wanted.key, wanted.source())
        assert.isFalse(opened.acceptsRanges)
        assert.isTrue((yield* readRange(opened, 10, 20)).equals(wanted.bytes))
        assert.isTrue(Option.isNone(yield* peek(wanted.key)))
      }).pipe(Effect.scoped))

    test("peek - returns the result that open would have, without calling the source", () =>
      Effect.gen(function* () {
        for (const size of [small, large]) {
          const wanted = new TestPackage({ size, seed: 9 })
          const peeked = Effect.map(peek(wanted.key), (status) => Option.getOrUndefined(status)?.cacheResult)
          assert.isUndefined(yield* peeked)
          assert.strictEqual(yield* admissionResult(size), "miss")
          wanted.holdAt(0)
          const reader = yield* Effect.forkChild(openAndRead(wanted))
          yield* wanted.awaitHeld
          assert.strictEqual(yield* peeked, "collapsed")
          wanted.release()
          yield* Fiber.join(reader)
          yield* awaitPullEnd(wanted)
          assert.strictEqual(yield* peeked, size === small ? "memory" : "hit")
          assert.strictEqual(wanted.resolveCalls, 1)
        }
      }))

    test("drain - pulls without a reader stop, other pulls continue, and new packages bypass the cache", () =>
      Effect.gen(function* () {
        const cache = yield* DigestCache
        const unread = new TestPackage({ size: large, seed: 10 })
        const wanted = new TestPackage({ size: large, seed: 11 })
        const late = new TestPackage({ size: large, seed: 12 })
        unread.holdAt(0)
        wanted.holdAt(0)
        const abandoned = yield* Effect.forkChild(openAndRead(unread))
        const reader = yield* Effect.forkChild(openAndRead(wanted))
        yield* Effect.andThen(unread.awaitHeld, wanted.awaitHeld)
        yield* Fiber.interrupt(abandoned)
        yield* cache.drain ?? Effect.void
        yield* awaitStreamsClosed(unread)
        assert.isTrue(Option.isNone(yield* peek(unread.key)))
        assert.strictEqual(yield* admissionResult(large), "bypass")
        assert.deepStrictEqual(yield* openAndRead(late), { result: "bypass", isCorrect: true })
        wanted.release()
        assert.isTrue((yield* Fiber.join(reader)).isCorrect)
      }))

    test("drain - a pull stops when its last reader leaves", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 13 })
        wanted.holdAt(0)
        const reader = yield* Effect.forkChild(openAndRead(wanted))
        yield* wanted.awaitHeld
        yield* (yield* DigestCache).drain ?? Effect.void
        assert.strictEqual(wanted.openStreams, 1)
        yield* Fiber.interrupt(reader)
        yield* awaitStreamsClosed(wanted)
      }))
  })
