import {
  awaitStreamsClosed,
  openAndRead,
  awaitPullEnd
} from "@registry-packages-proxy/testkit/digest-cache/DigestCacheClient"
import { TestPackage } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { DigestCache } from "../../src/DigestCache.ts"
import { assertRoom, defaultCap, openIn, unfinished, withHarness } from "../Harness.ts"

const large = 1_000_003
const small = 10_000

/** The byte positions at which a source pauses. -1 is a pause before `resolve` returns. */
const stages = (size: number) => [-1, 0, size >> 1, size]

const causeTag = (
  exit: Exit.Exit<unknown, { readonly _tag: string; readonly reason?: { readonly _tag: string } }>
) => Effect.map(Effect.flip(exit), (error) => error.reason?._tag ?? error._tag)

describe("an interrupted DigestCache", () => {
  for (const size of [small, large]) {
    for (const stage of stages(size)) {
      it.effect(
        `a fill continues after all its callers leave, and holds nothing afterwards (byte ${stage} of ${size})`,
        () =>
          withHarness((harness) =>
            harness.run(
              Effect.gen(function* () {
                const wanted = new TestPackage({ size, seed: 1 })
                wanted.holdAt(stage)
                const readers = yield* Effect.forEach([1, 2, 3], () =>
                  Effect.forkChild(openAndRead(wanted), { startImmediately: true })
                )
                yield* wanted.awaitHeld
                yield* Fiber.interruptAll(readers)
                wanted.release()
                yield* openAndRead(wanted)
                yield* awaitPullEnd(wanted)
                assert.strictEqual(wanted.openStreams, 0)
                yield* assertRoom()
              })
            )
          )
      )

      it.effect(`a stopping cache closes its source and fails its readers (byte ${stage} of ${size})`, () =>
        withHarness((harness) =>
          Effect.gen(function* () {
            const wanted = new TestPackage({ size, seed: 1 })
            const scope = yield* Scope.make()
            const services = yield* Layer.buildWithScope(harness.live(), scope)
            wanted.holdAt(stage)
            const reader = yield* Effect.forkChild(Effect.provideContext(openAndRead(wanted), services))
            yield* wanted.awaitHeld
            yield* Scope.close(scope, Exit.void)
            assert.strictEqual(yield* causeTag(yield* Fiber.await(reader)), "Stopped")
            assert.strictEqual(wanted.openStreams, 0)
            assert.deepStrictEqual(openIn(harness.directory), [])
            assert.deepStrictEqual(yield* unfinished(harness.fs, harness.directory), [])
            // A caller of a stopped cache receives an error and does not wait.
            const late = yield* Effect.exit(
              Effect.provideContext(openAndRead(new TestPackage({ size, seed: 2 })), services)
            )
            assert.strictEqual(yield* causeTag(late), "Stopped")
          })
        )
      )
    }
  }

  for (const stage of stages(defaultCap)) {
    it.effect(
      `a caller that leaves a package that bypasses the cache closes its source (byte ${stage})`,
      () =>
        withHarness((harness) =>
          harness.run(
            Effect.gen(function* () {
              const wanted = new TestPackage({ size: defaultCap, seed: 1 })
              wanted.holdAt(stage)
              const reader = yield* Effect.forkChild(openAndRead(wanted))
              yield* wanted.awaitHeld
              yield* Fiber.interrupt(reader)
              yield* awaitStreamsClosed(wanted)
              wanted.release()
              yield* assertRoom()
            })
          )
        )
    )
  }

  it.effect("readers of a hit can leave at any time, also during its verification", () =>
    withHarness((harness) =>
      Effect.gen(function* () {
        const wanted = new TestPackage({ size: large, seed: 1 })
        yield* harness.run(Effect.andThen(openAndRead(wanted), awaitPullEnd(wanted)))
        for (const turns of [0, 1, 2, 3, 5, 8, 13, 21, 34]) {
          yield* harness.run(
            Effect.gen(function* () {
              const readers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(openAndRead(wanted)))
              yield* Effect.forEach(Array.from({ length: turns }), () => Effect.yieldNow)
              yield* Fiber.interruptAll(readers)
              assert.deepStrictEqual(yield* openAndRead(wanted), { result: "hit", isCorrect: true })
            })
          )
        }
        assert.strictEqual(wanted.resolveCalls, 1)
        yield* harness.run(assertRoom())
      })
    )
  )

  it.effect("callers interrupted at any step of open leave nothing behind", () =>
    withHarness((harness) =>
      harness.run(
        Effect.gen(function* () {
          const cache = yield* DigestCache
          for (let turns = 0; turns < 40; turns++) {
            const wanted = new TestPackage({ size: turns % 2 === 0 ? large : small, seed: turns })
            const readers = yield* Effect.forEach([1, 2], () => Effect.forkChild(openAndRead(wanted)))
            yield* Effect.forEach(Array.from({ length: turns }), () => Effect.yieldNow)
            yield* Fiber.interruptAll(readers)
            assert.isTrue((yield* openAndRead(wanted)).isCorrect)
          }
          yield* cache.drain ?? Effect.void
        })
      )
    )
  )
})
