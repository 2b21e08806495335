import { assert, describe, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import { Clock, Effect, Fiber, References, Schema, Duration } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as Limits from "../../../src/internal/Limits.ts"
import {
  alice,
  accessControlLayer,
  makeReviews,
  accessResult,
  advance,
  rightsOf,
  settle,
  token,
  tokenResult
} from "../../Harness.ts"

const all = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.forEach(effects, (effect) => Effect.forkChild(effect))
const strangers = (count: number, from = 0) =>
  all(Array.from({ length: count }, (_, n) => tokenResult(`bogus-${from + n}`)))

/**
 * Concurrent authentications with bogus tokens. `strangers` is the number of these authentications. If `leaveAfter` is
 * set, they are interrupted after `leaveAfter` milliseconds. The next wave begins `next` milliseconds after this wave
 * begins.
 */
const Wave = Schema.Struct({
  strangers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 })),
  leaveAfter: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 }))),
  next: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2500 }))
})

describe("while the API server is silent", () => {
  it.effect("the queued reviews of callers that left are never sent", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.beforeResult = Effect.never
      const fibers = yield* strangers(400)
      yield* settle
      yield* Fiber.interruptAll(fibers)
      reviews.state.beforeResult = Effect.void
      // Sent reviews time out after 3 s and free their places. The other reviews are never sent.
      yield* advance(10000)
      assert.lengthOf(reviews.receivedReviews.tokens, Limits.maxReviewsPerLane)
      assert.strictEqual(yield* tokenResult("bogus-399"), "NotAuthenticated")
      assert.lengthOf(reviews.receivedReviews.tokens, Limits.maxReviewsPerLane + 1)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a review continues while one of its callers stays", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.beforeResult = Effect.never
      yield* strangers(Limits.maxReviewsPerLane)
      const leaving = yield* all(Array.from({ length: 10 }, () => tokenResult()))
      const staying = yield* Effect.forkChild(tokenResult())
      yield* settle
      yield* Fiber.interruptAll(leaving)
      reviews.state.beforeResult = Effect.void
      yield* advance(Duration.toMillis(Limits.reviewTimeout))
      assert.strictEqual(yield* Fiber.join(staying), "alice")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("reviews of unknown tokens wait at most 3 s for their turn, then fail as unreachable", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.beforeResult = Effect.never
      const waiting = yield* strangers(Limits.maxReviewsPerLane + 100)
      yield* advance(2000)
      const later = yield* strangers(100, 1000)
      yield* advance(1000)
      assert.isTrue((yield* Fiber.joinAll(waiting)).every((answer) => answer === "Undecided: Unreachable"))
      // Some of the later reviews took the places that the earlier reviews had freed.
      yield* advance(5000)
      assert.isTrue((yield* Fiber.joinAll(later)).every((answer) => answer === "Undecided: Unreachable"))
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("four reviews a second are sent, however many wait, and all once it answers", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.beforeResult = Effect.never
      yield* strangers(1)
      yield* advance(3000)
      const before = reviews.receivedReviews.tokens.length
      yield* strangers(400, 1000)
      yield* advance(2000)
      assert.strictEqual(
        reviews.receivedReviews.tokens.length - before,
        2000 / Duration.toMillis(Limits.probeInterval) + 1
      )
      reviews.state.beforeResult = Effect.void
      yield* advance(Duration.toMillis(Limits.probeInterval))
      assert.lengthOf(reviews.receivedReviews.tokens, before + 400)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect(
    "callers with an earlier decision receive it immediately, except those whose review is sent",
    () => {
      const reviews = makeReviews()
      const users = Array.from({ length: 500 }, (_, n) => TestReviews.authenticatedUser(`node-${n}`))
      for (const user of users) {
        reviews.state.tokens.set(`token of ${user.name}`, user)
        reviews.state.rights.set(user.name, rightsOf(alice.name, reviews))
      }
      const everyone = users.map((user) =>
        Effect.gen(function* () {
          const began = yield* Clock.currentTimeMillis
          const answers = yield* Effect.all([tokenResult(`token of ${user.name}`), accessResult(user)])
          return { answers, waited: (yield* Clock.currentTimeMillis) - began }
        })
      )
      return Effect.gen(function* () {
        yield* Effect.all(everyone)
        yield* TestClock.adjust("6 minutes")
        reviews.state.beforeResult = Effect.never
        const first = yield* Effect.forkChild(tokenResult("token of node-0"))
        yield* advance(3000)
        assert.strictEqual(yield* Fiber.join(first), "node-0")
        const fibers = yield* all(everyone)
        yield* settle
        // A caller waits only for reviews that are sent: 3 s for the token review, then 3 s for the access review.
        yield* advance(7000)
        const answered = yield* Fiber.joinAll(fibers)
        assert.deepStrictEqual(
          answered.map(({ answers }) => answers),
          users.map(({ name }) => [name, "allowed"])
        )
        assert.isAtMost(answered.filter(({ waited }) => waited > 1).length, 2)
      }).pipe(Effect.provide(accessControlLayer(reviews)))
    }
  )

  it.effect.prop(
    "after any flood, a new valid token is decided within 3 s once it answers again",
    {
      waves: Schema.Array(Wave).check(Schema.isMaxLength(8)),
      reviewMillis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 500 }))
    },
    ({ reviewMillis, waves }) => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        // Reviews that are sent now are never answered.
        reviews.state.beforeResult = Effect.never
        for (const [index, wave] of waves.entries()) {
          const fibers = yield* strangers(wave.strangers, index * 1000)
          if (wave.leaveAfter !== undefined) {
            yield* Effect.forkChild(Effect.delay(Fiber.interruptAll(fibers), wave.leaveAfter))
          }
          yield* advance(wave.next)
        }
        // If no review has timed out before the API server answers again, the reviews in progress can keep their places
        // for almost 3 s. The new token is then decided in time only if its own review is answered immediately.
        const isNoticed =
          waves.reduce((sum, { next }) => sum + next, 0) > Duration.toMillis(Limits.reviewTimeout)
        reviews.state.beforeResult = isNoticed ? Effect.sleep(reviewMillis) : Effect.void
        const decided = yield* Effect.forkChild(Effect.all([tokenResult(token), accessResult()]))
        yield* advance(3000)
        assert.deepStrictEqual(yield* Fiber.join(decided), ["alice", "allowed"])
      }).pipe(Effect.provide(accessControlLayer(reviews)))
    },
    { arbitrary: { runs: 50 } }
  )
})

describe("while the API server is slow", () => {
  it.effect(
    "a caller whose review is not sent in time is refused as overloaded, without a stale decision",
    () => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        yield* Effect.all([tokenResult(), accessResult()])
        reviews.state.tokens.delete(token)
        yield* TestClock.adjust("3 minutes")
        // Renewals for other allowed users fill all 12 places of the lane, and its queue.
        const others = Array.from({ length: 100 }, (_, n) => TestReviews.authenticatedUser(`node-${n}`))
        for (const user of others) {
          reviews.state.tokens.set(`token of ${user.name}`, user)
          reviews.state.rights.set(user.name, rightsOf(alice.name, reviews))
        }
        const everyone = others.map((user) =>
          Effect.all([tokenResult(`token of ${user.name}`), accessResult(user)])
        )
        yield* Effect.all(everyone)
        yield* TestClock.adjust("3 minutes")
        reviews.state.beforeResult = Effect.sleep("2900 millis")
        yield* all(everyone.slice(0, 20))
        yield* settle
        const revoked = yield* Effect.forkChild(tokenResult())
        yield* settle
        yield* all(everyone.slice(20))
        yield* advance(6000)
        assert.strictEqual(yield* Fiber.join(revoked), "Undecided: Overloaded")
      }).pipe(Effect.provide(accessControlLayer(reviews)))
    }
  )
})

describe("callers interrupted at any step", () => {
  it.effect("leave no token undecided, wherever the scheduler yields", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const keys = Array.from({ length: 400 }, (_, n) => `key-${n}`)
      for (const [index, key] of keys.entries()) {
        const fiber = yield* Effect.forkChild(
          tokenResult(key).pipe(Effect.provideService(References.MaxOpsBeforeYield, 3))
        )
        for (let yields = 0; yields < index % 40; yields++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      for (const key of keys) assert.strictEqual(yield* tokenResult(key), "NotAuthenticated")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })
})
