import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { Effect, Fiber } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import {
  alice,
  forbidden,
  invalid,
  jwt,
  accessControlLayer,
  makeReviews,
  accessResult,
  settle,
  token,
  unreachable,
  tokenResult
} from "../../Harness.ts"

describe("during an outage of the API server", () => {
  it.effect("decisions of the last 90 minutes are reused, acceptances and refusals", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([tokenResult(), tokenResult("bogus"), accessResult()])
      reviews.state.failure = unreachable
      yield* TestClock.adjust("89 minutes")
      assert.strictEqual(yield* tokenResult(), "alice")
      assert.strictEqual(yield* tokenResult("bogus"), "NotAuthenticated")
      assert.strictEqual(yield* accessResult(), "allowed")
      yield* TestClock.adjust("1 minutes")
      assert.strictEqual(yield* tokenResult(), "Undecided: Unreachable")
      assert.strictEqual(yield* tokenResult("bogus"), "Undecided: Unreachable")
      assert.strictEqual(yield* accessResult(), "Undecided: Unreachable")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a caller without an earlier decision is undecided", () => {
    const reviews = makeReviews()
    reviews.state.failure = unreachable
    return Effect.gen(function* () {
      assert.strictEqual(yield* tokenResult(), "Undecided: Unreachable")
      assert.strictEqual(yield* accessResult(), "Undecided: Unreachable")
      reviews.state.failure = undefined
      assert.strictEqual(yield* tokenResult(), "alice")
      assert.strictEqual(yield* accessResult(), "allowed")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("no decision is reused if the API server forbids reviews or answers nonsense", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([tokenResult(), accessResult()])
      yield* TestClock.adjust("6 minutes")
      for (const failure of [forbidden, invalid]) {
        reviews.state.failure = failure
        assert.strictEqual(yield* tokenResult(), `Undecided: ${failure._tag}`)
        assert.strictEqual(yield* accessResult(), `Undecided: ${failure._tag}`)
      }
      // The cached decision stays, so that a later outage can reuse it.
      reviews.state.failure = unreachable
      assert.strictEqual(yield* tokenResult(), "alice")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("no token is accepted after its own expiry", () => {
    const reviews = makeReviews()
    const ending = jwt(600)
    reviews.state.tokens.set(ending, alice)
    return Effect.gen(function* () {
      yield* tokenResult(ending)
      reviews.state.failure = unreachable
      yield* TestClock.adjust("599 seconds")
      assert.strictEqual(yield* tokenResult(ending), "alice")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* tokenResult(ending), "NotAuthenticated")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a review times out after 3 seconds", () => {
    const reviews = makeReviews()
    let givenUp = 0
    reviews.state.beforeResult = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void givenUp++))
    return Effect.gen(function* () {
      const [token, access] = [
        yield* Effect.forkChild(tokenResult()),
        yield* Effect.forkChild(accessResult())
      ]
      yield* settle
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(token.pollUnsafe() ?? access.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(yield* Fiber.join(token), "Undecided: Unreachable")
      assert.strictEqual(yield* Fiber.join(access), "Undecided: Unreachable")
      assert.strictEqual(givenUp, 2)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a stale decision is reused for 10 seconds before the next review", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* tokenResult()
      reviews.state.failure = unreachable
      yield* TestClock.adjust("2 minutes")
      for (let n = 0; n < 5; n++) assert.strictEqual(yield* tokenResult(), "alice")
      assert.lengthOf(reviews.receivedReviews.tokens, 2)
      reviews.state.failure = undefined
      reviews.state.tokens.delete(token)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* tokenResult(), "NotAuthenticated")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("the log has the first failure of each kind and the recovery, without tokens", () => {
    const reviews = makeReviews()
    const log = captureLog()
    reviews.state.failure = unreachable
    return Effect.gen(function* () {
      for (let n = 0; n < 3; n++) yield* tokenResult()
      reviews.state.failure = forbidden
      yield* tokenResult()
      reviews.state.failure = undefined
      yield* tokenResult()
      assert.lengthOf(log.lines, 3)
      assert.match(log.lines[0] ?? "", /^Warn .*TokenReview.*connection refused/)
      assert.match(log.lines[1] ?? "", /^Warn .*service account/)
      assert.match(log.lines[2] ?? "", /^Info .*again/)
      assert.notInclude(log.lines.join(), token)
    }).pipe(Effect.provide([accessControlLayer(reviews), log.layer]))
  })
})
