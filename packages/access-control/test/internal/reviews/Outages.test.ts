import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { Effect, Fiber } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import {
  alice,
  forbidden,
  invalid,
  jwt,
  layerOf,
  makeReviews,
  may,
  settle,
  token,
  unreachable,
  who
} from "../../Harness.ts"

describe("when the API server does not answer", () => {
  it.effect("decisions of the last hour and a half stand, yes and no, and not a moment longer", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([who(), who("bogus"), may()])
      reviews.state.failure = unreachable
      yield* TestClock.adjust("89 minutes")
      assert.strictEqual(yield* who(), "alice")
      assert.strictEqual(yield* who("bogus"), "NotAuthenticated")
      assert.strictEqual(yield* may(), "allowed")
      yield* TestClock.adjust("1 minutes")
      assert.strictEqual(yield* who(), "Undecided: Unreachable")
      assert.strictEqual(yield* who("bogus"), "Undecided: Unreachable")
      assert.strictEqual(yield* may(), "Undecided: Unreachable")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("nothing stands for who was never decided about", () => {
    const reviews = makeReviews()
    reviews.state.failure = unreachable
    return Effect.gen(function* () {
      assert.strictEqual(yield* who(), "Undecided: Unreachable")
      assert.strictEqual(yield* may(), "Undecided: Unreachable")
      reviews.state.failure = undefined
      assert.strictEqual(yield* who(), "alice")
      assert.strictEqual(yield* may(), "allowed")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("nothing stands where the API server refuses us, or answers nonsense", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([who(), may()])
      yield* TestClock.adjust("6 minutes")
      for (const failure of [forbidden, invalid]) {
        reviews.state.failure = failure
        assert.strictEqual(yield* who(), `Undecided: ${failure._tag}`)
        assert.strictEqual(yield* may(), `Undecided: ${failure._tag}`)
      }
      // It closes without forgetting: an outage after it finds what was decided before.
      reviews.state.failure = unreachable
      assert.strictEqual(yield* who(), "alice")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a token does not stand past its own end", () => {
    const reviews = makeReviews()
    const ending = jwt(600)
    reviews.state.tokens.set(ending, alice)
    return Effect.gen(function* () {
      yield* who(ending)
      reviews.state.failure = unreachable
      yield* TestClock.adjust("599 seconds")
      assert.strictEqual(yield* who(ending), "alice")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* who(ending), "NotAuthenticated")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a review has 3 seconds, and is given up then", () => {
    const reviews = makeReviews()
    let givenUp = 0
    reviews.state.gate = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void givenUp++))
    return Effect.gen(function* () {
      const [token, access] = [yield* Effect.forkChild(who()), yield* Effect.forkChild(may())]
      yield* settle
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(token.pollUnsafe() ?? access.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(yield* Fiber.join(token), "Undecided: Unreachable")
      assert.strictEqual(yield* Fiber.join(access), "Undecided: Unreachable")
      assert.strictEqual(givenUp, 2)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a decision that stands in is used for 10 seconds before the API server is asked again", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* who()
      reviews.state.failure = unreachable
      yield* TestClock.adjust("2 minutes")
      for (let n = 0; n < 5; n++) assert.strictEqual(yield* who(), "alice")
      assert.lengthOf(reviews.asked.tokens, 2)
      reviews.state.failure = undefined
      reviews.state.tokens.delete(token)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* who(), "NotAuthenticated")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("says so once, and once that it is over, without a token", () => {
    const reviews = makeReviews()
    const log = captureLog()
    reviews.state.failure = unreachable
    return Effect.gen(function* () {
      for (let n = 0; n < 3; n++) yield* who()
      reviews.state.failure = forbidden
      yield* who()
      reviews.state.failure = undefined
      yield* who()
      assert.lengthOf(log.lines, 3)
      assert.match(log.lines[0] ?? "", /^Warn .*TokenReview.*connection refused/)
      assert.match(log.lines[1] ?? "", /^Warn .*service account/)
      assert.match(log.lines[2] ?? "", /^Info .*again/)
      assert.notInclude(log.lines.join(), token)
    }).pipe(Effect.provide([layerOf(reviews), log.layer]))
  })
})
