import { assert, describe, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/AccessControlReviews"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Limits from "../src/internal/Limits.ts"
import { layerOf, makeReviews, may, token, who } from "./Harness.ts"

const settle = TestClock.adjust(1)
const all = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.forEach(effects, (effect) => Effect.forkChild(effect))

describe("many callers at once", () => {
  it.effect("40 first requests with one token make one TokenReview and one SubjectAccessReview", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      reviews.state.gate = Deferred.await(gate)
      const request = Effect.flatMap(who(), () => may())
      const fibers = yield* all(Array.from({ length: 40 }, () => request))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(new Set(yield* Fiber.joinAll(fibers)), new Set(["allowed"]))
      assert.lengthOf(reviews.asked.tokens, 1)
      assert.lengthOf(reviews.asked.accesses, 1)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a review goes on for the others when the one who caused it leaves", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      reviews.state.gate = Deferred.await(gate)
      const first = yield* Effect.forkChild(who())
      yield* settle
      const second = yield* Effect.forkChild(who())
      yield* settle
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), "alice")
      assert.lengthOf(reviews.asked.tokens, 1)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect(
    "at most 16 reviews are under way, 12 of them for strangers; beyond 512 waiting they are turned away",
    () => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        yield* who()
        const gate = yield* Deferred.make<void>()
        reviews.state.gate = Deferred.await(gate)
        const strangers = yield* all(Array.from({ length: 600 }, (_, n) => who(`bogus-${n}`)))
        yield* settle
        assert.strictEqual(reviews.mostUnderWay(), Limits.reviewsOfStrangers)
        assert.strictEqual(yield* who("one more"), "Undecided: Overloaded")
        // Whoever is known is not turned away, and does not wait behind them.
        assert.strictEqual(yield* who(), "alice")
        const known = yield* all(Array.from({ length: 20 }, (_, n) => may(TestReviews.user(`user-${n}`))))
        yield* settle
        assert.strictEqual(reviews.mostUnderWay(), Limits.reviews)
        yield* Deferred.succeed(gate, undefined)
        const answers = yield* Fiber.joinAll(strangers)
        assert.strictEqual(answers.filter((answer) => answer === "NotAuthenticated").length, 512)
        assert.strictEqual(answers.filter((answer) => answer === "Undecided: Overloaded").length, 88)
        yield* Fiber.joinAll(known)
        assert.strictEqual(reviews.mostUnderWay(), Limits.reviews)
      }).pipe(Effect.provide(layerOf(reviews)))
    }
  )

  it.effect("a known caller whose decision has aged passes by the strangers that wait", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* who()
      yield* TestClock.adjust("2 minutes")
      const gate = yield* Deferred.make<void>()
      reviews.state.gate = Deferred.await(gate)
      const strangers = yield* all(Array.from({ length: 600 }, (_, n) => who(`bogus-${n}`)))
      yield* settle
      reviews.state.gate = Effect.void
      assert.strictEqual(yield* who(), "alice")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(strangers)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("any number of bogus tokens crowds out no good one, and is forgotten beyond a bound", () => {
    const reviews = makeReviews()
    const count = 3 * Limits.remembered
    return Effect.gen(function* () {
      yield* who()
      yield* Effect.forEach(
        Array.from({ length: count }, (_, n) => n),
        (n) => who(`bogus-${n}`),
        { discard: true }
      )
      const asked = reviews.asked.tokens.length
      assert.strictEqual(yield* who(), "alice")
      assert.strictEqual(yield* who(`bogus-${count - 1}`), "NotAuthenticated")
      assert.lengthOf(reviews.asked.tokens, asked)
      // Not among the last 4096: asked again.
      yield* who(`bogus-${count - Limits.remembered}`)
      yield* who(`bogus-${count - Limits.remembered - 1}`)
      assert.strictEqual(reviews.asked.tokens.length, asked + 1)
      assert.strictEqual(reviews.asked.tokens.filter((value) => value === token).length, 1)
    }).pipe(Effect.provide(layerOf(reviews)))
  })
})
