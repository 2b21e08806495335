import {
  readInBackground,
  openAndRead,
  readRange,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { adjust } from "@registry-packages-proxy/testkit/machine/TestClock"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { DigestCache } from "../../src/DigestCache.ts"
import { type Harness, withHarness } from "../Harness.ts"

const large = 1_000_003
const small = 200_000

/** A duration longer than the interval at which the times of last use are saved to disk. */
const untilSaved = "31 seconds"

/** Flips a bit of a file as another program would. Then changes the modification time, or restores it. */
const flipBit = (file: string, options: { readonly at: number; readonly time: "changed" | "restored" }) =>
  Effect.sync(() => {
    const { mtimeMs } = statSync(file)
    const bytes = readFileSync(file)
    bytes[options.at] = (bytes[options.at] ?? 0) ^ 1
    writeFileSync(file, bytes, { flag: "r+" })
    // Half a millisecond is added, because a whole millisecond in floating-point seconds may be rounded down to the
    // previous one.
    const time = options.time === "changed" ? 1000 : (Math.floor(mtimeMs) + 0.5) / 1000
    utimesSync(file, time, time)
  })

/** Returns the path of the only complete package on disk. */
const onlyFile = (harness: Harness) => Effect.map(harness.blobs, ([name = "none"]) => harness.pathOf(name))

/** Returns the path of the only file in `blobs`, which may be a temporary file. */
const anyFile = (harness: Harness) =>
  Effect.map(Effect.orDie(harness.fs.readDirectory(`${harness.directory}/blobs`)), ([name = "none"]) =>
    harness.pathOf(name)
  )

const opened = (wanted: TestPackage) => DigestCache.use((cache) => cache.open(wanted.key, wanted.source()))

type Opened = Effect.Success<ReturnType<typeof opened>>

/**
 * Reads until the reader fails. Returns the error and the total number of bytes read. `begun` is the number of bytes
 * that were read before this call.
 */
const brokenAt = Effect.fnUntraced(function* (body: ReturnType<Opened["body"]>, begun: number) {
  if (body._tag === "Bytes") return assert.fail("a large package has a reader")
  const buffer = new Uint8Array(100_000)
  let count = begun
  for (;;) {
    const step = yield* Effect.result(body.reader.read(buffer))
    if (step._tag === "Failure") return { count, reason: step.failure }
    if (step.success === 0) return assert.fail("a changed file must not end cleanly")
    count += step.success
  }
})

const assertBroken = (broken: { readonly count: number; readonly reason: unknown }) => {
  assert.isBelow(broken.count, large)
  assert.include(JSON.stringify(broken.reason), "DiskFailed")
}

/** Begins to count the reads of files. The returned function returns the count. */
const countReads = (harness: Harness) => {
  let reads = 0
  harness.hooks.before = (operation) =>
    Effect.sync(() => {
      if (operation === "read") reads++
    })
  return () => reads
}

describe("a file that changes while it is read", () => {
  for (const how of ["a hit", "a fill"] as const) {
    for (const time of ["changed", "restored"] as const) {
      it.effect(`breaks ${how} in progress before its last bytes, and is fetched again (mtime ${time})`, () =>
        withHarness((harness) =>
          harness.run(
            Effect.gen(function* () {
              const wanted = new TestPackage({ size: large, seed: 1 })
              if (how === "a hit") yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
              const reading = yield* opened(wanted)
              assert.strictEqual(reading.cacheResult, how === "a hit" ? "hit" : "miss")
              const body = reading.body(0, large)
              if (body._tag === "Bytes") return assert.fail("a large package has a reader")
              const begun = yield* body.reader.read(new Uint8Array(1000))
              // A second reader reads a part before the change.
              const other = yield* readInBackground(wanted, { start: 10, end: 2000 })
              yield* awaitPullEnd(wanted)
              yield* other.awaitReceived(1990)
              yield* flipBit(yield* onlyFile(harness), { at: 500_000, time })
              assertBroken(yield* brokenAt(body, begun))
              // The next caller finds the wrong byte. The caller after that downloads the package again.
              assert.strictEqual((yield* Effect.flip(openAndRead(wanted)))._tag, "BodyError")
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
            })
          )
        )
      )
    }
  }

  it.effect("breaks its readers also after another caller found the change and removed the file", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
          const body = (yield* opened(wanted)).body(0, large)
          if (body._tag === "Bytes") return assert.fail("a large package has a reader")
          const begun = yield* body.reader.read(new Uint8Array(1000))
          yield* flipBit(yield* onlyFile(harness), { at: 500_000, time: "restored" })
          assert.strictEqual((yield* Effect.flip(openAndRead(wanted)))._tag, "BodyError")
          yield* settle
          assert.deepStrictEqual(yield* harness.blobs, [])
          assertBroken(yield* brokenAt(body, begun))
        })
      )
    )
  )

  for (const how of ["a hit", "a fill"] as const) {
    it.effect(`breaks ${how} in progress also if its mtime is restored and it is unlinked`, () =>
      withHarness((harness) =>
        harness.run(
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: large, seed: 1 })
            if (how === "a hit") yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
            const body = (yield* opened(wanted)).body(0, large)
            if (body._tag === "Bytes") return assert.fail("a large package has a reader")
            const begun = yield* body.reader.read(new Uint8Array(1000))
            yield* awaitPullEnd(wanted)
            const file = yield* onlyFile(harness)
            yield* flipBit(file, { at: 500_000, time: "restored" })
            yield* harness.fs.remove(file)
            assertBroken(yield* brokenAt(body, begun))
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
          })
        )
      )
    )
  }

  it.effect("is not treated as verified if it is replaced between open and stat", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
          const file = yield* onlyFile(harness)
          yield* flipBit(file, { at: 500_000, time: "restored" })
          harness.hooks.before = (operation) =>
            Effect.suspend(() => {
              if (operation !== "stat") return Effect.void
              harness.hooks.before = () => Effect.void
              return Effect.orDie(
                Effect.andThen(harness.fs.remove(file), harness.fs.writeFile(file, new Uint8Array(large)))
              )
            })
          const broken = yield* brokenAt((yield* opened(wanted)).body(0, large), 0)
          assert.isBelow(broken.count, large)
          assert.include(JSON.stringify(broken.reason), "DigestMismatch")
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
        })
      )
    )
  )

  it.effect("breaks its readers but stays cached if stat fails", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
          const body = (yield* opened(wanted)).body(0, large)
          yield* harness.faults.set({ operation: "stat", reason: "Unknown", code: "EBADF" })
          assertBroken(yield* brokenAt(body, 0))
          yield* harness.faults.set()
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
        })
      )
    )
  )
})

describe("a file that changes between stat and read", () => {
  it.effect("is fetched again if it is small, and its wrong bytes never enter memory", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: small, seed: 1 })
        const other = new TestPackage({ size: small, seed: 2 })
        yield* harness.run(
          Effect.gen(function* () {
            yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
            // The package is verified by a use, then evicted from memory by another package.
            for (const next of ["verified", "changed"]) {
              yield* Effect.andThen(openAndRead(other), awaitPullEnd(other))
              if (next === "verified")
                assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
            }
            let flipped = false
            harness.hooks.before = (operation, path) => {
              if (operation !== "read" || flipped) return Effect.void
              flipped = true
              return flipBit(path, { at: 7, time: "restored" })
            }
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
            assert.isTrue(flipped)
            assert.deepStrictEqual(yield* openAndRead(wanted), { result: "memory", isCorrect: true })
          }),
          { maxMemory: small + 1000 }
        )
      })
    )
  )
})

describe("the cache's own changes of its files", () => {
  it.effect("saving a last use causes no verification and breaks no reader", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
          const before = countReads(harness)
          const reading = yield* opened(wanted)
          yield* adjust(untilSaved)
          yield* settle
          assert.isTrue((yield* readRange(reading)).equals(wanted.bytes))
          const reads = before()
          const after = countReads(harness)
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
          yield* settle
          assert.strictEqual(after(), reads, "read once, without a second read for a hash")
        })
      )
    )
  )

  for (const [what, operation] of [
    ["a last use is saved", "utimes"],
    ["the file is renamed", "rename"]
  ] as const) {
    it.effect(`a reader that has all bytes while ${what} waits, and then receives them`, () =>
      withHarness((harness) =>
        harness.run(
          Effect.gen(function* () {
            const wanted = new TestPackage({ size: large, seed: 1 })
            const done = Latch.makeUnsafe(false)
            const goOn = Latch.makeUnsafe(false)
            if (operation === "utimes") yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
            else wanted.holdAt(large)
            const reader = yield* opened(wanted)
            const body = reader.body(0, large)
            if (body._tag === "Bytes") return assert.fail("a large package has a reader")
            const buffer = new Uint8Array(large)
            // Reads all bytes except the tail, which the reader holds back.
            let count = 0
            while (count < large - 64 * 1024)
              count += yield* body.reader.read(buffer.subarray(count, large - 64 * 1024))
            harness.hooks.after = (seen) =>
              seen === operation ? Effect.andThen(done.open, goOn.await) : Effect.void
            const time = yield* Effect.forkChild(adjust(untilSaved))
            wanted.release()
            yield* done.await
            const rest = yield* Effect.forkChild(
              Effect.gen(function* () {
                while (count < large) count += yield* body.reader.read(buffer.subarray(count))
              })
            )
            yield* settle
            yield* goOn.open
            yield* Fiber.join(rest)
            assert.isTrue(wanted.bytes.equals(buffer))
            yield* Fiber.join(time)
          })
        )
      )
    )

    for (const moment of ["before", "after"] as const) {
      it.effect(`the next use finds a write by others just ${moment} ${what}`, () =>
        withHarness((harness) =>
          harness.run(
            Effect.gen(function* () {
              const wanted = new TestPackage({ size: large, seed: 1 })
              let flipped = false
              harness.hooks[moment] = (seen) =>
                seen !== operation || flipped
                  ? Effect.void
                  : Effect.suspend(() => {
                      flipped = true
                      return Effect.flatMap(anyFile(harness), (file) =>
                        flipBit(file, { at: 500_000, time: "changed" })
                      )
                    })
              // The reader of the fill may fail.
              yield* Effect.andThen(Effect.exit(openAndRead(wanted)), awaitPullEnd(wanted))
              yield* adjust(untilSaved)
              yield* settle
              assert.isTrue(flipped)
              assert.strictEqual((yield* Effect.flip(openAndRead(wanted)))._tag, "BodyError")
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "miss", isCorrect: true })
            })
          )
        )
      )
    }
  }
})
