import { assert, describe, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import { Deferred, Effect, Fiber } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as Limits from "../../../src/internal/Limits.ts"
import {
  accessControlLayer,
  makeReviews,
  accessResult,
  settle,
  token,
  unreachable,
  tokenResult
} from "../../Harness.ts"

const all = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.forEach(effects, (effect) => Effect.forkChild(effect))

describe("many callers at once", () => {
  it.effect("40 first requests with one token make one TokenReview and one SubjectAccessReview", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      reviews.state.beforeResult = Deferred.await(gate)
      const request = Effect.flatMap(tokenResult(), () => accessResult())
      const fibers = yield* all(Array.from({ length: 40 }, () => request))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(new Set(yield* Fiber.joinAll(fibers)), new Set(["allowed"]))
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
      assert.lengthOf(reviews.receivedReviews.accesses, 1)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a review continues for other callers when the caller that began it leaves", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      reviews.state.beforeResult = Deferred.await(gate)
      const first = yield* Effect.forkChild(tokenResult())
      yield* settle
      const second = yield* Effect.forkChild(tokenResult())
      yield* settle
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), "alice")
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect(
    "at most 16 reviews are in progress, 12 of them about unknown tokens; beyond 512 queued the oldest are evicted",
    () => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        yield* Effect.all([tokenResult(), accessResult()])
        const gate = yield* Deferred.make<void>()
        reviews.state.beforeResult = Deferred.await(gate)
        const strangers = yield* all(Array.from({ length: 600 }, (_, n) => tokenResult(`bogus-${n}`)))
        yield* settle
        assert.strictEqual(reviews.maxInProgress(), Limits.maxReviewsPerLane)
        // An allowed user is not refused, and does not wait behind the bogus tokens.
        assert.strictEqual(yield* tokenResult(), "alice")
        const others = yield* all(
          Array.from({ length: 20 }, (_, n) => accessResult(TestReviews.authenticatedUser(`user-${n}`)))
        )
        yield* settle
        assert.strictEqual(reviews.maxInProgress(), Limits.maxReviews)
        yield* Deferred.succeed(gate, undefined)
        const answers = yield* Fiber.joinAll(strangers)
        const [begun, queued] = [Limits.maxReviewsPerLane, Limits.maxQueuedPerLane]
        assert.deepStrictEqual(
          answers.map((answer) => answer === "NotAuthenticated"),
          answers.map((_, n) => n < begun || n >= 600 - queued)
        )
        assert.include(answers, "Undecided: Overloaded")
        yield* Fiber.joinAll(others)
        assert.strictEqual(reviews.maxInProgress(), Limits.maxReviews)
      }).pipe(Effect.provide(accessControlLayer(reviews)))
    }
  )

  it.effect("a thousand first requests with one token share one review", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      reviews.state.beforeResult = Deferred.await(gate)
      const fibers = yield* all(Array.from({ length: 1000 }, () => tokenResult()))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(new Set(yield* Fiber.joinAll(fibers)), new Set(["alice"]))
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect(
    "at most 4096 callers wait for decisions of any kind, and the next is refused immediately",
    () => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        reviews.state.beforeResult = Effect.never
        const half = Limits.maxWaiting / 2
        yield* all(Array.from({ length: half }, () => tokenResult("one")))
        yield* all(Array.from({ length: half }, () => accessResult()))
        yield* settle
        assert.deepStrictEqual(
          [yield* tokenResult("one"), yield* accessResult()],
          Array(2).fill("Undecided: Overloaded")
        )
      }).pipe(Effect.provide(accessControlLayer(reviews)))
    }
  )

  it.effect("the renewal for an allowed user overtakes waiting reviews of unknown tokens", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([tokenResult(), accessResult()])
      yield* TestClock.adjust("5 minutes")
      reviews.state.beforeResult = Effect.never
      yield* all(Array.from({ length: 600 }, (_, n) => tokenResult(`bogus-${n}`)))
      yield* settle
      reviews.state.beforeResult = Effect.void
      assert.deepStrictEqual([yield* tokenResult(), yield* accessResult()], ["alice", "allowed"])
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("unknown tokens at a rate that the API server can handle are all decided, in order", () => {
    const reviews = makeReviews()
    reviews.state.beforeResult = Effect.sleep("50 millis")
    const each = 15
    const stranger = (n: number) =>
      Effect.forEach(
        Array.from({ length: each }, (_, turn) => `bogus-${n}-${turn}`),
        (value) => tokenResult(value)
      )
    return Effect.gen(function* () {
      // 64 callers at a time: 12 reviews are in progress, and 52 wait.
      const fibers = yield* all(Array.from({ length: 64 }, (_, n) => stranger(n)))
      for (let millis = 0; millis < 5000; millis += 10) {
        yield* settle
        yield* TestClock.adjust(10)
      }
      const answers = (yield* Fiber.joinAll(fibers)).flat()
      assert.deepStrictEqual(new Set(answers), new Set(["NotAuthenticated"]))
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("bogus tokens evict each other beyond a limit, but no accepted token", () => {
    const reviews = makeReviews()
    const count = 3 * Limits.maxDecisions
    return Effect.gen(function* () {
      yield* tokenResult()
      yield* Effect.forEach(
        Array.from({ length: count }, (_, n) => n),
        (n) => tokenResult(`bogus-${n}`),
        { discard: true }
      )
      const asked = reviews.receivedReviews.tokens.length
      assert.strictEqual(yield* tokenResult(), "alice")
      assert.strictEqual(yield* tokenResult(`bogus-${count - 1}`), "NotAuthenticated")
      assert.lengthOf(reviews.receivedReviews.tokens, asked)
      // The first token is among the last 4096, and the second is not. Only the second is reviewed again.
      yield* tokenResult(`bogus-${count - Limits.maxDecisions}`)
      yield* tokenResult(`bogus-${count - Limits.maxDecisions - 1}`)
      assert.strictEqual(reviews.receivedReviews.tokens.length, asked + 1)
      assert.strictEqual(reviews.receivedReviews.tokens.filter((value) => value === token).length, 1)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("accepted tokens of users without access evict no token of an allowed user", () => {
    const reviews = makeReviews()
    const count = Limits.maxDecisions + 100
    for (let n = 0; n < count; n++) {
      const extra = { "authentication.kubernetes.io/credential-id": [`JTI=${n}`] }
      reviews.state.tokens.set(`minted-${n}`, TestReviews.authenticatedUser("minter", { extra }))
    }
    return Effect.gen(function* () {
      yield* Effect.all([tokenResult(), accessResult()])
      yield* Effect.forEach(
        [...reviews.state.tokens],
        ([value, user]) =>
          value === token ? Effect.void : Effect.all([tokenResult(value), accessResult(user)]),
        { discard: true }
      )
      assert.lengthOf(reviews.receivedReviews.accesses, count + 1)
      yield* TestClock.adjust("6 minutes")
      reviews.state.failure = unreachable
      assert.deepStrictEqual([yield* tokenResult(), yield* accessResult()], ["alice", "allowed"])
      // The oldest tokens of users without access were evicted.
      assert.strictEqual(yield* tokenResult("minted-0"), "Undecided: Unreachable")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })
})
