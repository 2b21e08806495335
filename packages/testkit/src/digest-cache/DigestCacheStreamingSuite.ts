import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { assertMismatch, type CacheLayer, follow, get, settled, withCache } from "./DigestCacheClient.ts"
import { TestPackage } from "./DigestCacheSource.ts"
import { cap } from "./DigestCacheSuite.ts"

/** The most that a reader may be behind a blob that is all there but not yet verified, in bytes. */
const heldBack = 64 * 1024
const size = 1_000_003

const corrupt = (wanted: TestPackage, at: number): void => {
  wanted.given = Buffer.from(wanted.bytes)
  wanted.given.writeUInt8(wanted.given.readUInt8(at) ^ 1, at)
}

/** What a cache keeps that hands large packages on while they come. */
export const suiteStreaming = (name: string, cache: CacheLayer) =>
  describe(`DigestCache, streaming (${name})`, () => {
    const test = withCache(cache)

    test("read - gives what came before the rest is there", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 1 })
        wanted.holdAt(400_000)
        const reader = yield* follow(wanted)
        yield* reader.at(400_000)
        assert.strictEqual(reader.had(), 400_000)
        wanted.proceed()
        assert.isTrue((yield* Fiber.join(reader.fiber)).equals(wanted.bytes))
      }).pipe(Effect.scoped))

    for (const total of [size, cap]) {
      test(`read - gives all but the last bytes until the whole is verified (${total} bytes)`, () =>
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: total, seed: 2 })
          wanted.holdAt(total)
          const reader = yield* follow(wanted)
          yield* Effect.andThen(wanted.held, reader.at(total - heldBack))
          assert.isBelow(reader.had(), total)
          assert.isUndefined(reader.fiber.pollUnsafe())
          wanted.proceed()
          assert.isTrue((yield* Fiber.join(reader.fiber)).equals(wanted.bytes))
        }).pipe(Effect.scoped))

      for (const at of [0, total >> 1, total - 1]) {
        test(`read - breaks where a byte is wrong, and the next one asks anew (${at} of ${total} bytes)`, () =>
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: total, seed: 3 })
            corrupt(wanted, at)
            const reader = yield* follow(wanted)
            assertMismatch(yield* Fiber.await(reader.fiber))
            assert.isBelow(reader.had(), total)
            wanted.given = wanted.bytes
            yield* settled(wanted)
            assert.isTrue((yield* get(wanted)).right)
            assert.strictEqual(wanted.resolves, 2)
          }).pipe(Effect.scoped))
      }

      for (const given of [total - 1, total - 200_000, total + 1, total + 200_000]) {
        test(`read - breaks where ${given} bytes come instead of ${total}`, () =>
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: total, seed: 4 })
            wanted.given = Buffer.concat([wanted.bytes, wanted.bytes]).subarray(0, given)
            const reader = yield* follow(wanted)
            assertMismatch(yield* Fiber.await(reader.fiber))
            assert.isBelow(reader.had(), total)
          }).pipe(Effect.scoped))
      }
    }

    test("read - a range waits for the verdict on the whole, and breaks where the whole is wrong", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 5 })
        wanted.holdAt(size)
        const right = yield* follow(wanted, { start: 100, end: 200_000 })
        yield* Effect.andThen(wanted.held, right.at(200_000 - heldBack - 100))
        assert.isBelow(right.had(), 200_000 - 100)
        wanted.proceed()
        assert.isTrue((yield* Fiber.join(right.fiber)).equals(wanted.bytes.subarray(100, 200_000)))

        const other = new TestPackage({ size, seed: 6 })
        corrupt(other, size - 1)
        const wrong = yield* follow(other, { start: 100, end: 200_000 })
        assertMismatch(yield* Fiber.await(wrong.fiber))
        assert.isBelow(wrong.had(), 200_000 - 100)
      }).pipe(Effect.scoped))

    test("read - readers of one fill go at their own pace, late ones from the start", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 7 })
        wanted.holdAt(300_000)
        const first = yield* follow(wanted)
        const opened = yield* (yield* DigestCache).open(wanted.key, wanted.source())
        const body = opened.body(0, size)
        if (body._tag !== "Reader") return assert.fail("a large package is to be read")
        const idle = body.reader
        yield* first.at(300_000)
        wanted.holdAt(700_000)
        const second = yield* follow(wanted)
        const third = yield* follow(wanted, { start: 650_000 })
        assert.deepStrictEqual(
          [first.result, opened.result, second.result],
          ["miss", "collapsed", "collapsed"]
        )
        yield* Effect.all([first.at(700_000), second.at(700_000), third.at(50_000)])
        wanted.proceed()
        for (const reader of [first, second]) {
          assert.isTrue((yield* Fiber.join(reader.fiber)).equals(wanted.bytes))
        }
        assert.isTrue((yield* Fiber.join(third.fiber)).equals(wanted.bytes.subarray(650_000)))
        yield* settled(wanted)
        // It has read nothing yet, and all of it is there still.
        const into = Buffer.alloc(size)
        let count = 0
        while (count < size) count += yield* idle.read(into.subarray(count))
        assert.isTrue(into.equals(wanted.bytes))
        assert.strictEqual(yield* idle.read(into), 0)
        assert.deepStrictEqual(wanted.offsets, [0])
      }).pipe(Effect.scoped))

    test("read - every reader fails where the source fails midway, and the next one asks anew", () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size, seed: 8 })
        wanted.holdAt(500_000)
        const readers = [yield* follow(wanted), yield* follow(wanted)]
        yield* wanted.held
        wanted.failAt = 500_000
        wanted.proceed()
        for (const { fiber } of readers) {
          assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "SourceFailed")
        }
        wanted.failAt = undefined
        yield* settled(wanted)
        assert.isTrue((yield* get(wanted)).right)
      }).pipe(Effect.scoped))
  })
