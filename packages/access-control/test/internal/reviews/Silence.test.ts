import { assert, describe, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/AccessControlReviews"
import { Clock, Effect, Fiber, References, Schema } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as Limits from "../../../src/internal/Limits.ts"
import { alice, layerOf, makeReviews, may, pass, rightsOf, settle, token, who } from "../../Harness.ts"

const all = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.forEach(effects, (effect) => Effect.forkChild(effect))
const strangers = (count: number, from = 0) =>
  all(Array.from({ length: count }, (_, n) => who(`bogus-${from + n}`)))

/** What a flood is made of: so many strangers at once, who stay or leave after a while. */
const Wave = Schema.Struct({
  strangers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 })),
  leaveAfter: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 }))),
  next: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2500 }))
})

describe("while the API server is silent", () => {
  it.effect("callers who leave leave nothing behind: only what was sent is still to be heard of", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.gate = Effect.never
      const fibers = yield* strangers(400)
      yield* settle
      yield* Fiber.interruptAll(fibers)
      reviews.state.gate = Effect.void
      // The places of those sent are not free for 3 s yet; nothing of the others is ever sent.
      yield* pass(10000)
      assert.lengthOf(reviews.asked.tokens, Limits.maxReviewsPerLane)
      assert.strictEqual(yield* who("bogus-399"), "NotAuthenticated")
      assert.lengthOf(reviews.asked.tokens, Limits.maxReviewsPerLane + 1)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("one who stays keeps the review for which others left, queued or sent", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.gate = Effect.never
      yield* strangers(Limits.maxReviewsPerLane)
      const leaving = yield* all(Array.from({ length: 10 }, () => who()))
      const staying = yield* Effect.forkChild(who())
      yield* settle
      yield* Fiber.interruptAll(leaving)
      reviews.state.gate = Effect.void
      yield* pass(Limits.reviewTimeout)
      assert.strictEqual(yield* Fiber.join(staying), "alice")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("strangers wait 3 s for their turn and no longer, and are told that it does not answer", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.gate = Effect.never
      const waiting = yield* strangers(Limits.maxReviewsPerLane + 100)
      yield* pass(2000)
      const later = yield* strangers(100, 1000)
      yield* pass(1000)
      assert.isTrue((yield* Fiber.joinAll(waiting)).every((answer) => answer === "Undecided: Unreachable"))
      // Of the later ones some were sent in the other's places, evenly.
      yield* pass(5000)
      assert.isTrue((yield* Fiber.joinAll(later)).every((answer) => answer === "Undecided: Unreachable"))
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("it is asked four times a second, however many wait, and without limit once it answers", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      reviews.state.gate = Effect.never
      yield* strangers(1)
      yield* pass(3000)
      const before = reviews.asked.tokens.length
      yield* strangers(400, 1000)
      yield* pass(2000)
      assert.strictEqual(reviews.asked.tokens.length - before, 2000 / Limits.probeInterval + 1)
      reviews.state.gate = Effect.void
      yield* pass(Limits.probeInterval)
      assert.lengthOf(reviews.asked.tokens, before + 400)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("callers with an earlier decision get that at once, but for those who find out", () => {
    const reviews = makeReviews()
    const users = Array.from({ length: 500 }, (_, n) => TestReviews.user(`node-${n}`))
    for (const user of users) {
      reviews.state.tokens.set(`token of ${user.name}`, user)
      reviews.state.rights.set(user.name, rightsOf(alice.name, reviews))
    }
    const everyone = users.map((user) =>
      Effect.gen(function* () {
        const began = yield* Clock.currentTimeMillis
        const answers = yield* Effect.all([who(`token of ${user.name}`), may(user)])
        return { answers, waited: (yield* Clock.currentTimeMillis) - began }
      })
    )
    return Effect.gen(function* () {
      yield* Effect.all(everyone)
      yield* TestClock.adjust("6 minutes")
      reviews.state.gate = Effect.never
      const first = yield* Effect.forkChild(who("token of node-0"))
      yield* pass(3000)
      assert.strictEqual(yield* Fiber.join(first), "node-0")
      const fibers = yield* all(everyone)
      yield* settle
      // Those who find out wait 3 s each for a token and an access, and for their turns.
      yield* pass(7000)
      const answered = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        answered.map(({ answers }) => answers),
        users.map(({ name }) => [name, "allowed"])
      )
      assert.isAtMost(answered.filter(({ waited }) => waited > 1).length, 2)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect.prop(
    "whatever flood went before, a new good token is decided within 3 s of its answering again",
    {
      waves: Schema.Array(Wave).check(Schema.isMaxLength(8)),
      reviewMillis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 500 }))
    },
    ({ reviewMillis, waves }) => {
      const reviews = makeReviews()
      return Effect.gen(function* () {
        // What is sent now is never answered, not even when it speaks again.
        reviews.state.gate = Effect.never
        for (const [index, wave] of waves.entries()) {
          const fibers = yield* strangers(wave.strangers, index * 1000)
          if (wave.leaveAfter !== undefined) {
            yield* Effect.forkChild(Effect.delay(Fiber.interruptAll(fibers), wave.leaveAfter))
          }
          yield* pass(wave.next)
        }
        // While nobody knows yet that it is silent, the places are free 3 s after they were taken: no time is left then.
        const isNoticed = waves.reduce((sum, { next }) => sum + next, 0) > Limits.reviewTimeout
        reviews.state.gate = isNoticed ? Effect.sleep(reviewMillis) : Effect.void
        const decided = yield* Effect.forkChild(Effect.all([who(token), may()]))
        yield* pass(3000)
        assert.deepStrictEqual(yield* Fiber.join(decided), ["alice", "allowed"])
      }).pipe(Effect.provide(layerOf(reviews)))
    },
    { arbitrary: { runs: 50 } }
  )
})

describe("while the API server answers, but not fast enough", () => {
  it.effect("a caller whose turn does not come is told to try again, and no stale decision stands in", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([who(), may()])
      reviews.state.tokens.delete(token)
      yield* TestClock.adjust("3 minutes")
      // Others with rights, to be confirmed as well, take all the places again and again.
      const others = Array.from({ length: 100 }, (_, n) => TestReviews.user(`node-${n}`))
      for (const user of others) {
        reviews.state.tokens.set(`token of ${user.name}`, user)
        reviews.state.rights.set(user.name, rightsOf(alice.name, reviews))
      }
      const everyone = others.map((user) => Effect.all([who(`token of ${user.name}`), may(user)]))
      yield* Effect.all(everyone)
      yield* TestClock.adjust("3 minutes")
      reviews.state.gate = Effect.sleep("2900 millis")
      yield* all(everyone.slice(0, 20))
      yield* settle
      const revoked = yield* Effect.forkChild(who())
      yield* settle
      yield* all(everyone.slice(20))
      yield* pass(6000)
      assert.strictEqual(yield* Fiber.join(revoked), "Undecided: Overloaded")
    }).pipe(Effect.provide(layerOf(reviews)))
  })
})

describe("callers interrupted at any moment", () => {
  it.effect("leave no token behind that is never decided, wherever the scheduler yields", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      const keys = Array.from({ length: 400 }, (_, n) => `key-${n}`)
      for (const [index, key] of keys.entries()) {
        const fiber = yield* Effect.forkChild(
          who(key).pipe(Effect.provideService(References.MaxOpsBeforeYield, 3))
        )
        for (let yields = 0; yields < index % 40; yields++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      for (const key of keys) assert.strictEqual(yield* who(key), "NotAuthenticated")
    }).pipe(Effect.provide(layerOf(reviews)))
  })
})
