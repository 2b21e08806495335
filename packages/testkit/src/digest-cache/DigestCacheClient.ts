import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { OpenPackage } from "@registry-packages-proxy/digest-cache/OpenPackage"
import type { PackageKey } from "@registry-packages-proxy/digest-cache/PackageKey"
import { assert, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, type Layer, Option, type Scope } from "effect"
import { readAll, TestPackage } from "./TestPackage.ts"
import { settle } from "../machine/VirtualTime.ts"

export type CacheLayer = Layer.Layer<DigestCache, unknown>

/** Returns a function that defines one test. Each test has its own cache, built from `cache`. */
export const testsWithCache =
  (cache: CacheLayer) =>
  <E>(name: string, body: () => Effect.Effect<void, E, DigestCache | Scope.Scope>): void => {
    it.effect(name, () => Effect.provide(body(), cache, { local: true }))
  }

/** Returns the bytes of an opened package, from offset `start` (inclusive) to `end` (exclusive). */
export const readRange = <E>(opened: OpenPackage<E>, start = 0, end = opened.descriptor.size) => {
  const body = opened.body(start, end)
  return body._tag === "Bytes" ? Effect.succeed(Buffer.from(body.bytes)) : readAll(body.reader)
}

/**
 * Opens a package and reads all its bytes, as one response does. Returns the cache result as `result`. `isCorrect` is
 * true if the bytes equal those of `wanted`.
 */
export const openAndRead = (wanted: TestPackage, identity?: string) =>
  Effect.gen(function* () {
    const cache = yield* DigestCache
    const opened = yield* cache.open(wanted.key, wanted.source(identity))
    return { result: opened.cacheResult, isCorrect: (yield* readRange(opened)).equals(wanted.bytes) }
  }).pipe(Effect.scoped)

/**
 * Returns the result of `DigestCache.peek` for a package, or none if the cache would have to call the package's source.
 */
export const peek = (key: PackageKey) =>
  DigestCache.use((cache) => Effect.option(cache.peek(key, Effect.fail("nobody is asked"))))

/** Returns the cache result that the first request for a package of this size would have: `miss` or `bypass`. */
export const admissionResult = (size: number) => {
  const { descriptor, key } = new TestPackage({ size: 0, seed: 999_999 })
  return Effect.map(
    DigestCache.use((cache) => cache.peek(key, Effect.succeed({ ...descriptor, size }))),
    ({ cacheResult }) => cacheResult
  )
}

/** Waits until a package is no longer being pulled, and the cache has stored or discarded it. */
export const awaitPullEnd = (wanted: TestPackage) =>
  Effect.gen(function* () {
    yield* peek(wanted.key).pipe(
      Effect.tap(() => Effect.yieldNow),
      Effect.repeat({ until: (status) => Option.getOrUndefined(status)?.cacheResult !== "collapsed" })
    )
    // The cache reports a hit as soon as a package is verified, before the package is stored under its name.
    yield* settle
  })

/** Waits until no blob stream of a package is open. */
export const awaitStreamsClosed = (wanted: TestPackage) =>
  Effect.sync(() => wanted.openStreams).pipe(
    Effect.tap(() => Effect.yieldNow),
    Effect.repeat({ until: (streams) => streams === 0 })
  )

/**
 * Opens a package and reads it in the background. `fiber` completes with the bytes. `awaitReceived(count)` waits until
 * `count` bytes have been received.
 */
export const readInBackground = (
  wanted: TestPackage,
  options: { readonly start?: number; readonly end?: number } = {}
) =>
  Effect.gen(function* () {
    const opened = yield* (yield* DigestCache).open(wanted.key, wanted.source())
    const body = opened.body(options.start ?? 0, options.end ?? wanted.size)
    const waits: Array<{ readonly count: number; readonly reached: Deferred.Deferred<void> }> = []
    let received = 0
    const progress = (count: number): void => {
      received = count
      for (const wait of waits) if (wait.count <= count) Deferred.doneUnsafe(wait.reached, Effect.void)
    }
    const fiber = yield* Effect.forkChild(
      body._tag === "Bytes" ? Effect.succeed(Buffer.from(body.bytes)) : readAll(body.reader, { progress })
    )
    const awaitReceived = (count: number) =>
      Effect.suspend(() => {
        if (received >= count) return Effect.void
        const reached = Deferred.makeUnsafe<void>()
        waits.push({ count, reached })
        return Deferred.await(reached)
      })
    return { result: opened.cacheResult, fiber, awaitReceived, received: () => received }
  })

/** Asserts that a body failed with `BodyError`, the error for wrong bytes. */
export const assertBodyError = (exit: Exit.Exit<unknown, { readonly _tag: string }>): void => {
  assert.isTrue(Exit.isFailure(exit), "a wrong body must not end cleanly")
  const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
  assert.strictEqual(error?._tag, "BodyError")
}
