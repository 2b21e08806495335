import {
  openAndRead,
  peek,
  readRange,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch, Option, References } from "effect"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { DigestCache } from "../../src/DigestCache.ts"
import { assertRoom, withHarness } from "../Harness.ts"

const large = 600_000
const small = 10_000

const opened = (wanted: TestPackage) => DigestCache.use((cache) => cache.open(wanted.key, wanted.source()))

/** Calls `peek` and then `open`, and returns the cache result of each. */
const bothOf = (wanted: TestPackage) =>
  Effect.gen(function* () {
    const peeked = yield* peek(wanted.key)
    const { descriptor, cacheResult } = yield* opened(wanted)
    assert.deepStrictEqual(
      Option.map(peeked, (status) => status.descriptor),
      Option.some(descriptor)
    )
    return [Option.getOrUndefined(peeked)?.cacheResult, cacheResult]
  }).pipe(Effect.scoped)

describe("joining a fill", () => {
  it.effect("at any step around its end returns the package from an open file", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          let seed = 0
          let goOn = Latch.makeUnsafe(false)
          let renamed = Deferred.makeUnsafe<void>()
          harness.hooks.after = (operation) =>
            operation === "rename"
              ? Effect.andThen(Deferred.succeed(renamed, undefined), goOn.await)
              : Effect.void
          // The fill has no other callers, and ends while the joining caller runs. The loops vary the number of yields
          // before this end, and the number of operations after which the joining caller yields.
          for (let turns = 0; turns < 24; turns++) {
            for (let operations = 3; operations < 10; operations++) {
              goOn = Latch.makeUnsafe(false)
              renamed = Deferred.makeUnsafe()
              const wanted = new TestPackage({ size: 300_000, seed: seed++ })
              const first = yield* Effect.forkChild(opened(wanted).pipe(Effect.scoped))
              yield* Deferred.await(renamed)
              yield* Fiber.join(first)
              const joining = yield* Effect.forkChild(
                Effect.provideService(openAndRead(wanted), References.MaxOpsBeforeYield, operations),
                { startImmediately: true }
              )
              yield* Effect.forEach(Array.from({ length: turns }), () => Effect.yieldNow)
              yield* goOn.open
              assert.isTrue((yield* Fiber.join(joining)).isCorrect)
              assert.strictEqual(wanted.resolveCalls, 1)
            }
          }
        }),
        { cap: 64 * 1024 * 1024 }
      )
    )
  )
})

describe("peek and open", () => {
  for (const size of [small, large]) {
    it.effect(
      `agree on a fill with its first bytes, with all bytes, and after its commit (${size} bytes)`,
      () =>
        withHarness((harness) =>
          harness.run(
            Effect.gen(function* () {
              const wanted = new TestPackage({ size, seed: 1 })
              const renaming = Deferred.makeUnsafe<void>()
              const goOn = Latch.makeUnsafe(false)
              harness.hooks.before = (operation) =>
                operation === "rename"
                  ? Effect.andThen(Deferred.succeed(renaming, undefined), goOn.await)
                  : Effect.void
              wanted.holdAt(size >> 1)
              const first = yield* Effect.forkChild(openAndRead(wanted))
              yield* wanted.awaitHeld
              const midway = yield* Effect.forkChild(bothOf(wanted))
              yield* settle
              wanted.release()
              yield* Deferred.await(renaming)
              const verified = yield* Effect.forkChild(bothOf(wanted))
              yield* settle
              yield* goOn.open
              assert.deepStrictEqual(yield* Fiber.join(midway), ["collapsed", "collapsed"])
              // Callers receive a small package only after its commit.
              const waiting = size === small ? "collapsed" : "hit"
              assert.deepStrictEqual(yield* Fiber.join(verified), [waiting, waiting])
              yield* Fiber.join(first)
              yield* awaitPullEnd(wanted)
              const kept = size === small ? "memory" : "hit"
              assert.deepStrictEqual(yield* bothOf(wanted), [kept, kept])
            })
          )
        )
    )
  }

  it.effect("peek resolves a package whose fill will bypass the cache", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const [kept, wanted] = [
            new TestPackage({ size: 3_000_000, seed: 1 }),
            new TestPackage({ size: 2_000_000, seed: 2 })
          ]
          yield* Effect.andThen(openAndRead(kept), awaitPullEnd(kept))
          const inUse = yield* opened(kept)
          wanted.holdAt(0)
          const reader = yield* Effect.forkChild(opened(wanted))
          yield* wanted.awaitHeld
          assert.isTrue(Option.isNone(yield* peek(wanted.key)))
          wanted.release()
          assert.strictEqual((yield* Fiber.join(reader)).cacheResult, "bypass")
          assert.isTrue((yield* readRange(inUse)).equals(kept.bytes))
        })
      )
    )
  )
})

describe("removing a package and caching it again", () => {
  it.effect("never deletes the new file, however long deleting the old one takes", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const wanted = new TestPackage({ size: large, seed: 1 })
          yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
          const [name = ""] = yield* harness.blobs
          const removing = Deferred.makeUnsafe<void>()
          const goOn = Latch.makeUnsafe(false)
          harness.hooks.before = (operation, path) =>
            operation === "remove" && path.endsWith(name)
              ? Effect.andThen(Deferred.succeed(removing, undefined), goOn.await)
              : Effect.void
          // The file's size now differs from the size in its name, so its entry is dropped.
          yield* Effect.orDie(harness.fs.truncate(harness.pathOf(name), 7))
          const dropping = yield* Effect.forkChild(openAndRead(wanted))
          yield* Deferred.await(removing)
          const adding = yield* Effect.forkChild(openAndRead(wanted))
          yield* settle
          yield* goOn.open
          assert.isTrue((yield* Fiber.join(adding)).isCorrect)
          assert.isTrue((yield* Fiber.join(dropping)).isCorrect)
          yield* awaitPullEnd(wanted)
          assert.deepStrictEqual(yield* harness.blobs, [name])
          assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
          assert.strictEqual(wanted.resolveCalls, 2)
          yield* assertRoom()
        })
      )
    )
  )

  it.effect("keeps a new file with the name of the old one", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const cache = yield* DigestCache
          const goOn = Latch.makeUnsafe(false)
          const renaming = Deferred.makeUnsafe<void>()
          // A plain manifest gives the same file name for two platforms.
          const [present, coming] = [1, 1].map((seed) => new TestPackage({ size: large, seed }))
          if (present === undefined || coming === undefined) return
          const other = new TestPackage({ size: large, seed: 2 })
          coming.holdAt(large)
          const key = { ...coming.key, platform: Platform.make("linux/arm64") }
          yield* cache.open(key, coming.source())
          yield* Effect.andThen(openAndRead(present), awaitPullEnd(present))
          const [name = ""] = (yield* harness.blobs).filter((name) => !name.startsWith("ingest-"))
          // The commit of `other` is in progress. The commit of `coming` waits for it. The removal of `present` waits
          // for the commit of `coming`.
          harness.hooks.before = (operation) =>
            operation === "rename"
              ? Effect.andThen(Deferred.succeed(renaming, undefined), goOn.await)
              : Effect.void
          yield* openAndRead(other)
          yield* Deferred.await(renaming)
          coming.release()
          yield* settle
          yield* Effect.orDie(harness.fs.truncate(harness.pathOf(name), 7))
          const dropping = yield* Effect.forkChild(openAndRead(present))
          yield* settle
          yield* goOn.open
          assert.deepStrictEqual(yield* Fiber.join(dropping), { result: "hit", isCorrect: true })
          yield* settle
          assert.include(yield* harness.blobs, name)
          assert.deepStrictEqual(yield* openAndRead(present), { result: "hit", isCorrect: true })
        }).pipe(Effect.scoped, Effect.andThen(assertRoom()))
      )
    )
  )

  it.effect(
    "completes when the caller that found the change leaves: no file and no charged space remain",
    () =>
      withHarness((harness) =>
        harness.run(
          Effect.gen(function* () {
            let seed = 0
            let goOn = Latch.makeUnsafe(false)
            for (let turns = 0; turns < 12; turns++) {
              for (let operations = 3; operations < 8; operations++) {
                const wanted = new TestPackage({ size: 300_000, seed: seed++ })
                yield* Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted))
                for (const name of yield* harness.blobs)
                  yield* Effect.orDie(harness.fs.truncate(harness.pathOf(name), 7))
                goOn = Latch.makeUnsafe(false)
                const looked = Deferred.makeUnsafe<void>()
                let looks = 0
                // The second `stat` is the last step of reading a fingerprint.
                harness.hooks.after = (operation) =>
                  operation === "stat" && ++looks === 2
                    ? Effect.andThen(Deferred.succeed(looked, undefined), goOn.await)
                    : Effect.void
                const caller = yield* Effect.forkChild(
                  Effect.provideService(openAndRead(wanted), References.MaxOpsBeforeYield, operations)
                )
                yield* Deferred.await(looked)
                yield* goOn.open
                yield* Effect.forEach(Array.from({ length: turns }), () => Effect.yieldNow)
                yield* Fiber.interrupt(caller)
                yield* settle
              }
            }
            yield* assertRoom()
          })
        )
      )
  )
})
