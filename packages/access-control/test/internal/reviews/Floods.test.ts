import { assert, describe, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/AccessControlReviews"
import { Deferred, Effect, Fiber } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as Limits from "../../../src/internal/Limits.ts"
import { layerOf, makeReviews, may, settle, token, unreachable, who } from "../../Harness.ts"

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
    "at most 16 reviews are in progress, 12 of them for strangers; beyond 512 queued the oldest are turned away",
    () => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        yield* Effect.all([who(), may()])
        const gate = yield* Deferred.make<void>()
        reviews.state.gate = Deferred.await(gate)
        const strangers = yield* all(Array.from({ length: 600 }, (_, n) => who(`bogus-${n}`)))
        yield* settle
        assert.strictEqual(reviews.mostUnderWay(), Limits.maxReviewsPerLane)
        // A caller with a right is not turned away, and does not wait behind them.
        assert.strictEqual(yield* who(), "alice")
        const known = yield* all(Array.from({ length: 20 }, (_, n) => may(TestReviews.user(`user-${n}`))))
        yield* settle
        assert.strictEqual(reviews.mostUnderWay(), Limits.maxReviews)
        yield* Deferred.succeed(gate, undefined)
        const answers = yield* Fiber.joinAll(strangers)
        const [begun, queued] = [Limits.maxReviewsPerLane, Limits.maxQueuedPerLane]
        assert.deepStrictEqual(
          answers.map((answer) => answer === "NotAuthenticated"),
          answers.map((_, n) => n < begun || n >= 600 - queued)
        )
        assert.include(answers, "Undecided: Overloaded")
        yield* Fiber.joinAll(known)
        assert.strictEqual(reviews.mostUnderWay(), Limits.maxReviews)
      }).pipe(Effect.provide(layerOf(reviews)))
    }
  )

  it.effect("a thousand first requests with one token are one review, and wait for it together", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      reviews.state.gate = Deferred.await(gate)
      const fibers = yield* all(Array.from({ length: 1000 }, () => who()))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(new Set(yield* Fiber.joinAll(fibers)), new Set(["alice"]))
      assert.lengthOf(reviews.asked.tokens, 1)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect(
    "at most 4096 callers wait, over all kinds of decision, and the next is turned away at once",
    () => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        reviews.state.gate = Effect.never
        const half = Limits.maxWaiting / 2
        yield* all(Array.from({ length: half }, () => who("one")))
        yield* all(Array.from({ length: half }, () => may()))
        yield* settle
        assert.deepStrictEqual([yield* who("one"), yield* may()], Array(2).fill("Undecided: Overloaded"))
      }).pipe(Effect.provide(layerOf(reviews)))
    }
  )

  it.effect("a caller with a right whose decision has aged passes the strangers that wait", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([who(), may()])
      yield* TestClock.adjust("5 minutes")
      reviews.state.gate = Effect.never
      yield* all(Array.from({ length: 600 }, (_, n) => who(`bogus-${n}`)))
      yield* settle
      reviews.state.gate = Effect.void
      assert.deepStrictEqual([yield* who(), yield* may()], ["alice", "allowed"])
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a crowd of strangers that the API server can serve is served, everyone in turn", () => {
    const reviews = makeReviews()
    reviews.state.gate = Effect.sleep("50 millis")
    const each = 15
    const stranger = (n: number) =>
      Effect.forEach(
        Array.from({ length: each }, (_, turn) => `bogus-${n}-${turn}`),
        (value) => who(value)
      )
    return Effect.gen(function* () {
      // So many that five times as many wait as are served.
      const fibers = yield* all(Array.from({ length: 64 }, (_, n) => stranger(n)))
      for (let millis = 0; millis < 5000; millis += 10) {
        yield* settle
        yield* TestClock.adjust(10)
      }
      const answers = (yield* Fiber.joinAll(fibers)).flat()
      assert.deepStrictEqual(new Set(answers), new Set(["NotAuthenticated"]))
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("any number of bogus tokens crowds out no good one, and is forgotten beyond a bound", () => {
    const reviews = makeReviews()
    const count = 3 * Limits.maxRemembered
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
      yield* who(`bogus-${count - Limits.maxRemembered}`)
      yield* who(`bogus-${count - Limits.maxRemembered - 1}`)
      assert.strictEqual(reviews.asked.tokens.length, asked + 1)
      assert.strictEqual(reviews.asked.tokens.filter((value) => value === token).length, 1)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("any number of good tokens without the right crowds out no caller who has it", () => {
    const reviews = makeReviews()
    const count = Limits.maxRemembered + 100
    for (let n = 0; n < count; n++) {
      const extra = { "authentication.kubernetes.io/credential-id": [`JTI=${n}`] }
      reviews.state.tokens.set(`minted-${n}`, TestReviews.user("minter", { extra }))
    }
    return Effect.gen(function* () {
      yield* Effect.all([who(), may()])
      yield* Effect.forEach(
        [...reviews.state.tokens],
        ([value, user]) => (value === token ? Effect.void : Effect.all([who(value), may(user)])),
        { discard: true }
      )
      assert.lengthOf(reviews.asked.accesses, count + 1)
      yield* TestClock.adjust("6 minutes")
      reviews.state.failure = unreachable
      assert.deepStrictEqual([yield* who(), yield* may()], ["alice", "allowed"])
      // The first of the others are forgotten.
      assert.strictEqual(yield* who("minted-0"), "Undecided: Unreachable")
    }).pipe(Effect.provide(layerOf(reviews)))
  })
})
