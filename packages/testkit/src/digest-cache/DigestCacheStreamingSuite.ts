import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import {
  assertBodyError,
  type CacheLayer,
  readInBackground,
  openAndRead,
  awaitPullEnd,
  testsWithCache
} from "./DigestCacheClient.ts"
import { TestPackage } from "./TestPackage.ts"
import { cacheCapBytes } from "./DigestCacheSuite.ts"

/** Number of bytes at the end of a body that a reader receives only after the whole blob is verified. */
const tailBytes = 64 * 1024
const size = 1_000_003

const corrupt = (wanted: TestPackage, at: number): void => {
  wanted.sourceBytes = Buffer.from(wanted.bytes)
  wanted.sourceBytes.writeUInt8(wanted.sourceBytes.readUInt8(at) ^ 1, at)
}

/**
 * Defines the tests that a DigestCache must pass if it sends large packages while it still pulls them. The size limit
 * of the cache must be {@link cacheCapBytes}.
 */
export const suiteStreaming = (name: string, cache: CacheLayer) =>
  describe(`DigestCache, streaming (${name})`, () => {
    const test = testsWithCache(cache)

    test("read - returns the first bytes before the rest has arrived", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 1 })
        wanted.holdAt(400_000)
        const reader = yield* readInBackground(wanted)
        yield* reader.awaitReceived(400_000)
        assert.strictEqual(reader.received(), 400_000)
        wanted.release()
        assert.isTrue((yield* Fiber.join(reader.fiber)).equals(wanted.bytes))
      }).pipe(Effect.scoped))

    for (const total of [size, cacheCapBytes]) {
      test(`read - holds the tail back until the whole is verified (${total} bytes)`, () =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: total, seed: 2 })
          wanted.holdAt(total)
          const reader = yield* readInBackground(wanted)
          yield* Effect.andThen(wanted.awaitHeld, reader.awaitReceived(total - tailBytes))
          assert.isBelow(reader.received(), total)
          assert.isUndefined(reader.fiber.pollUnsafe())
          wanted.release()
          assert.isTrue((yield* Fiber.join(reader.fiber)).equals(wanted.bytes))
        }).pipe(Effect.scoped))

      for (const at of [0, total >> 1, total - 1]) {
        test(`read - fails if a byte is wrong, and the next reader pulls again (${at} of ${total} bytes)`, () =>
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: total, seed: 3 })
            corrupt(wanted, at)
            const reader = yield* readInBackground(wanted)
            assertBodyError(yield* Fiber.await(reader.fiber))
            assert.isBelow(reader.received(), total)
            wanted.sourceBytes = wanted.bytes
            yield* awaitPullEnd(wanted)
            assert.isTrue((yield* openAndRead(wanted)).isCorrect)
            assert.strictEqual(wanted.resolveCalls, 2)
          }).pipe(Effect.scoped))
      }

      for (const given of [total - 1, total - 200_000, total + 1, total + 200_000]) {
        test(`read - fails if ${given} bytes arrive instead of ${total}`, () =>
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: total, seed: 4 })
            wanted.sourceBytes = Buffer.concat([wanted.bytes, wanted.bytes]).subarray(0, given)
            const reader = yield* readInBackground(wanted)
            assertBodyError(yield* Fiber.await(reader.fiber))
            assert.isBelow(reader.received(), total)
          }).pipe(Effect.scoped))
      }
    }

    test("read - the end of a range waits until the whole is verified, and fails if the whole is wrong", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 5 })
        wanted.holdAt(size)
        const right = yield* readInBackground(wanted, { start: 100, end: 200_000 })
        yield* Effect.andThen(wanted.awaitHeld, right.awaitReceived(200_000 - tailBytes - 100))
        assert.isBelow(right.received(), 200_000 - 100)
        wanted.release()
        assert.isTrue((yield* Fiber.join(right.fiber)).equals(wanted.bytes.subarray(100, 200_000)))

        const other = new TestPackage({ size, seed: 6 })
        corrupt(other, size - 1)
        const wrong = yield* readInBackground(other, { start: 100, end: 200_000 })
        assertBodyError(yield* Fiber.await(wrong.fiber))
        assert.isBelow(wrong.received(), 200_000 - 100)
      }).pipe(Effect.scoped))

    test("read - readers of one pull read at their own pace, late ones from the start", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 7 })
        wanted.holdAt(300_000)
        const first = yield* readInBackground(wanted)
        const opened = yield* (yield* DigestCache).open(wanted.key, wanted.source())
        const body = opened.body(0, size)
        if (body._tag !== "Reader") return assert.fail("a large package must have a reader")
        const idle = body.reader
        yield* first.awaitReceived(300_000)
        wanted.holdAt(700_000)
        const second = yield* readInBackground(wanted)
        const third = yield* readInBackground(wanted, { start: 650_000 })
        assert.deepStrictEqual(
          [first.result, opened.cacheResult, second.result],
          ["miss", "collapsed", "collapsed"]
        )
        yield* Effect.all([
          first.awaitReceived(700_000),
          second.awaitReceived(700_000),
          third.awaitReceived(50_000)
        ])
        wanted.release()
        for (const reader of [first, second]) {
          assert.isTrue((yield* Fiber.join(reader.fiber)).equals(wanted.bytes))
        }
        assert.isTrue((yield* Fiber.join(third.fiber)).equals(wanted.bytes.subarray(650_000)))
        yield* awaitPullEnd(wanted)
        // This reader has read nothing yet, and all bytes are still available.
        const into = Buffer.alloc(size)
        let count = 0
        while (count < size) count += yield* idle.read(into.subarray(count))
        assert.isTrue(into.equals(wanted.bytes))
        assert.strictEqual(yield* idle.read(into), 0)
        assert.deepStrictEqual(wanted.streamOffsets, [0])
      }).pipe(Effect.scoped))

    test("read - every reader fails if the source fails midway, and the next one pulls again", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 8 })
        wanted.holdAt(500_000)
        const readers = [yield* readInBackground(wanted), yield* readInBackground(wanted)]
        yield* wanted.awaitHeld
        wanted.failAt = 500_000
        wanted.release()
        for (const { fiber } of readers) {
          assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "SourceFailed")
        }
        wanted.failAt = undefined
        yield* awaitPullEnd(wanted)
        assert.isTrue((yield* openAndRead(wanted)).isCorrect)
      }).pipe(Effect.scoped))
  })
