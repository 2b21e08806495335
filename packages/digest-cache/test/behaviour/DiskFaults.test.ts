import * as NodeServices from "@effect/platform-node/NodeServices"
import {
  admissionResult,
  readInBackground,
  openAndRead,
  peek,
  readRange,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { readAll, TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import type { FileOperation } from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { DigestCache } from "../../src/DigestCache.ts"
import { assertRoom, defaultCap, unfinished, withHarness } from "../Harness.ts"

const large = 1_000_003
const small = 10_000

const degraded = Effect.flatMap(DigestCache, (cache) => cache.degraded)

describe("DigestCache on a failing disk", () => {
  it.effect(
    "a directory that cannot be created in an existing parent is tried once per package, which bypasses the cache",
    () =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: small, seed: 1 })
        for (const _ of ["first", "second"]) {
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
        }
        assert.isTrue(yield* degraded)
      }).pipe(
        // In /proc, mkdir fails with ENOENT, as it does below a removed mount point.
        Effect.provide(
          DigestCache.layer({ directory: "/proc/registry-packages-proxy", cap: defaultCap }).pipe(
            Layer.provide(NodeServices.layer)
          )
        )
      )
  )

  it.effect("a deleted directory is created again for concurrent fills", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = [1, 2, 3].map((seed) => new TestPackage({ size: small, seed }))
          yield* harness.fs.remove(harness.directory, { recursive: true })
          yield* Effect.forEach(wanted, (one) => openAndRead(one), { concurrency: "unbounded" })
          for (const one of wanted) {
            yield* awaitPullEnd(one)
            assert.deepStrictEqual(yield* openAndRead(one), { result: "memory", isCorrect: true })
          }
          assert.lengthOf(yield* harness.blobs, wanted.length)
          assert.isFalse(yield* degraded)
        })
      )
    )
  )

  for (const reason of ["WriteZero", "Unknown", "PermissionDenied"] as const) {
    it.effect(
      `when a write fails midway (${reason}), each reader continues from upstream at its own position`,
      () =>
        withHarness((harness) =>
          harness.run(
            Effect.gen(function* () {
              const wanted = new TestPackage({ size: large, seed: 1 })
              wanted.holdAt(400_000)
              const ranges = [
                [0, large],
                [0, 100_000],
                [0, 400_000],
                [0, 400_001],
                [100, 600_000],
                [399_999, 400_001],
                [400_000, large],
                [700_000, 800_000],
                [large - 1, large]
              ] as const
              const readers = yield* Effect.forEach(ranges, ([start, end]) =>
                readInBackground(wanted, { start, end })
              )
              const [first] = readers
              yield* Effect.andThen(wanted.awaitHeld, first?.awaitReceived(400_000) ?? Effect.void)
              // This caller reads nothing before the failure.
              const idle = yield* (yield* DigestCache).open(wanted.key, wanted.source())
              yield* harness.faults.set({ operation: "write", reason })
              wanted.release()
              for (const [index, [start, end]] of ranges.entries()) {
                const bytes = yield* Fiber.join(readers[index]?.fiber ?? assert.fail("no reader"))
                assert.isTrue(bytes.equals(wanted.bytes.subarray(start, end)), `${start} to ${end}`)
              }
              assert.isTrue((yield* readRange(idle)).equals(wanted.bytes))
              assert.deepStrictEqual(
                wanted.streamOffsets,
                [0, ...[...ranges, "idle"].map(() => 400_000)],
                "no reader starts again at the first byte"
              )
              assert.isTrue(yield* degraded)
              assert.deepStrictEqual(yield* harness.blobs, [])
              yield* harness.faults.set()
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
              yield* awaitPullEnd(wanted)
              assert.isFalse(yield* degraded)
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
            })
          )
        )
    )
  }

  for (const [what, at] of [
    ["from its first byte", 0],
    ["after the disk failed midway", 600_000]
  ] as const) {
    it.effect(`a package that bypasses the cache ${what} is pulled no faster than it is read`, () =>
      withHarness((harness) =>
        harness.run(
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: 3_000_000, seed: 1 })
            const source = wanted.source()
            let taken = 0
            const counted = {
              ...source,
              blob: (...[descriptor, offset]: Parameters<typeof source.blob>) =>
                Stream.tap(source.blob(descriptor, offset), (chunk) =>
                  Effect.sync(() => {
                    taken += chunk.length
                  })
                )
            }
            if (at > 0) wanted.holdAt(at)
            else yield* harness.faults.set({ operation: "open", reason: "PermissionDenied" })
            const opened = yield* (yield* DigestCache).open(wanted.key, counted)
            if (at > 0) {
              yield* wanted.awaitHeld
              yield* harness.faults.set({ operation: "write", reason: "WriteZero" })
              wanted.release()
              yield* awaitPullEnd(wanted)
            }
            const body = opened.body(0, wanted.size)
            if (body._tag === "Bytes") return assert.fail("a large package has a reader")
            // Reads to the position where the package bypasses the cache, and one more chunk.
            let position = 0
            const into = new Uint8Array(100_000)
            while (position < at + into.length) {
              const count = yield* body.reader.read(into)
              assert.isTrue(wanted.bytes.subarray(position, position + count).equals(into.subarray(0, count)))
              position += count
            }
            const before = taken
            for (let turn = 0; turn < 1000; turn++) yield* Effect.yieldNow
            assert.strictEqual(taken, before)
            // The allowance is the failed write, one pull and the tail that is held back.
            assert.isAtMost(taken, position + 512 * 1024 + 3 * 64 * 1024)
            const rest = yield* readAll(body.reader)
            assert.isTrue(rest.equals(wanted.bytes.subarray(position)))
          })
        )
      )
    )
  }

  it.effect("wrong bytes after a failed write still break every reader", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          wanted.sourceBytes = Buffer.from(wanted.bytes)
          wanted.sourceBytes.writeUInt8(wanted.bytes.readUInt8(large - 1) ^ 1, large - 1)
          wanted.holdAt(400_000)
          const readers = [
            yield* readInBackground(wanted),
            yield* readInBackground(wanted, { start: 0, end: 100_000 })
          ]
          yield* wanted.awaitHeld
          yield* harness.faults.set({ operation: "write", reason: "Unknown" })
          wanted.release()
          for (const { fiber } of readers)
            assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "BodyError")
        })
      )
    )
  )

  const faults: ReadonlyArray<{ readonly operation: FileOperation; readonly pathIncludes?: string }> = [
    { operation: "open", pathIncludes: "ingest" },
    { operation: "write" },
    { operation: "rename" },
    { operation: "stat", pathIncludes: "ingest" }
  ]
  for (const fault of faults) {
    for (const size of [small, large]) {
      it.effect(
        `returns the right bytes when ${fault.operation} fails, and caches nothing (${size} bytes)`,
        () =>
          withHarness((harness) =>
            harness.run(
              Effect.gen(function* () {
                const wanted = new TestPackage({ size, seed: 1 })
                yield* harness.faults.set({ ...fault, reason: "Unknown" })
                for (let times = 0; times < 3; times++) {
                  assert.isTrue((yield* openAndRead(wanted)).isCorrect)
                  yield* awaitPullEnd(wanted)
                }
                assert.isTrue(yield* degraded)
                assert.strictEqual(yield* admissionResult(size), "bypass")
                assert.deepStrictEqual(yield* harness.blobs, [])
                yield* harness.faults.set()
                assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
                yield* awaitPullEnd(wanted)
                assert.isFalse(yield* degraded)
                yield* assertRoom()
              })
            )
          )
      )
    }
  }

  it.effect("a cached package that cannot be opened bypasses the cache, and is a hit again afterwards", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
          yield* harness.faults.set({ operation: "open", reason: "Unknown", pathIncludes: "blobs" })
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
          assert.isTrue(yield* degraded)
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
          assert.isFalse(yield* degraded)
        })
      )
    )
  )

  it.effect("a cached package resets degraded after a failed read", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const [present, next] = [
            new TestPackage({ size: large, seed: 1 }),
            new TestPackage({ size: large, seed: 2 })
          ]
          yield* Effect.andThen(openAndRead(present), awaitPullEnd(present))
          yield* harness.faults.set({ operation: "open", reason: "Unknown", pathIncludes: "blobs" })
          yield* openAndRead(present)
          assert.isTrue(yield* degraded)
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* openAndRead(next), { result: "miss", isCorrect: true })
          yield* awaitPullEnd(next)
          assert.isFalse(yield* degraded)
        })
      )
    )
  )

  it.effect("a hit that cannot be read to its end breaks, and the package stays cached", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
          yield* harness.faults.set({ operation: "read", reason: "Unknown", fromCall: 3 })
          assert.strictEqual((yield* Effect.flip(openAndRead(wanted)))._tag, "BodyError")
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
        })
      )
    )
  )

  it.effect("a verification that cannot read breaks its readers, but the package stays cached", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 1 })
        yield* harness.run(Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted)))
        yield* harness.run(
          Effect.gen(function* () {
            yield* harness.faults.set({ operation: "read", reason: "Unknown" })
            assert.strictEqual((yield* Effect.flip(openAndRead(wanted)))._tag, "BodyError")
            yield* harness.faults.set()
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
          })
        )
      })
    )
  )

  it.effect("files that cannot be removed stay charged, and are removed later", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const failing = new TestPackage({ size: large, seed: 1 })
          const wanted = new TestPackage({ size: large, seed: 2 })
          failing.failAt = 500_000
          yield* harness.faults.set({ operation: "remove", reason: "Unknown" })
          yield* Effect.flip(openAndRead(failing))
          yield* awaitPullEnd(failing)
          assert.lengthOf(yield* unfinished(harness.fs, harness.directory), 1)
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
          yield* awaitPullEnd(wanted)
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
          yield* awaitPullEnd(wanted)
          assert.deepStrictEqual(yield* unfinished(harness.fs, harness.directory), [])
        }),
        { cap: 1_600_000 }
      )
    )
  )

  it.effect("a package that cannot be evicted is still served", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const present = new TestPackage({ size: large, seed: 1 })
          const wanted = new TestPackage({ size: large, seed: 2 })
          yield* Effect.andThen(openAndRead(present), awaitPullEnd(present))
          yield* harness.faults.set({ operation: "remove", reason: "PermissionDenied" })
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "bypass", isCorrect: true })
          assert.deepStrictEqual(yield* openAndRead(present), { result: "hit", isCorrect: true })
          yield* awaitPullEnd(wanted)
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
        }),
        { cap: 1_600_000 }
      )
    )
  )

  it.effect("a deleted directory is created again", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const [first, second] = [
            new TestPackage({ size: large, seed: 1 }),
            new TestPackage({ size: large, seed: 2 })
          ]
          yield* Effect.andThen(openAndRead(first), awaitPullEnd(first))
          second.holdAt(500_000)
          const reader = yield* readInBackground(second)
          yield* second.awaitHeld
          yield* harness.fs.remove(harness.directory, { recursive: true })
          second.release()
          assert.isTrue((yield* Fiber.join(reader.fiber)).equals(second.bytes))
          yield* awaitPullEnd(second)
          assert.deepStrictEqual(yield* openAndRead(first), { result: "miss", isCorrect: true })
          yield* awaitPullEnd(first)
          assert.deepStrictEqual(yield* openAndRead(first), { result: "hit", isCorrect: true })
          assert.isFalse(yield* degraded)
        }).pipe(Effect.scoped, Effect.andThen(assertRoom()))
      )
    )
  )

  for (const operation of ["makeDirectory", "readDirectory"] as const) {
    it.effect(`nothing is cached before the files on disk are known (${operation} fails at start)`, () =>
      withHarness((harness) =>
        Effect.gen(function* () {
          const [first, second] = [
            new TestPackage({ size: large, seed: 1 }),
            new TestPackage({ size: large, seed: 2 })
          ]
          yield* harness.run(Effect.andThen(openAndRead(first), awaitPullEnd(first)))
          yield* harness.faults.set({ operation, reason: "PermissionDenied" })
          yield* harness.run(
            Effect.gen(function* () {
              assert.isTrue(yield* degraded)
              assert.deepStrictEqual(yield* openAndRead(first), { result: "bypass", isCorrect: true })
              yield* harness.faults.set()
              assert.deepStrictEqual(yield* openAndRead(second), { result: "miss", isCorrect: true })
              yield* awaitPullEnd(second)
              assert.isFalse(yield* degraded)
              const peeked = yield* peek(first.key)
              assert.isTrue(Option.isNone(peeked), "the cap has no space for both packages")
            }),
            { cap: 1_600_000 }
          )
        })
      )
    )
  }
})
