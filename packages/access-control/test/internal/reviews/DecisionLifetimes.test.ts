import { assert, describe, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import { Effect, Fiber, Option, Redacted } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Authenticator } from "../../../src/Authenticator.ts"
import {
  alice,
  jwt,
  accessControlLayer,
  makeReviews,
  accessResult,
  settle,
  token,
  tokenResult
} from "../../Harness.ts"

describe("lifetimes of decisions", () => {
  it.effect("an accepted token is reviewed again after 2 minutes, and refused if it was revoked", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* tokenResult(), "alice")
      reviews.state.tokens.delete(token)
      yield* TestClock.adjust("119999 millis")
      assert.strictEqual(yield* tokenResult(), "alice")
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* tokenResult(), "NotAuthenticated")
      assert.lengthOf(reviews.receivedReviews.tokens, 2)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a refused token is reviewed again after 30 seconds", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* tokenResult("new"), "NotAuthenticated")
      reviews.state.tokens.set("new", TestReviews.authenticatedUser("newcomer"))
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(yield* tokenResult("new"), "NotAuthenticated")
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* tokenResult("new"), "newcomer")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("an accepted token is refused after its own expiry, without a review", () => {
    const reviews = makeReviews()
    const short = jwt(50)
    reviews.state.tokens.set(short, alice)
    return Effect.gen(function* () {
      assert.strictEqual(yield* tokenResult(short), "alice")
      yield* TestClock.adjust("49999 millis")
      assert.strictEqual(yield* tokenResult(short), "alice")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* tokenResult(short), "NotAuthenticated")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* tokenResult(short), "NotAuthenticated")
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("an expired token is refused without a first review, and the error says so", () => {
    const reviews = makeReviews()
    const over = jwt(50)
    reviews.state.tokens.set(over, alice)
    return Effect.gen(function* () {
      yield* TestClock.adjust("50 seconds")
      const error = yield* Effect.flip(
        Authenticator.use(({ authenticate }) =>
          authenticate({ token: Option.some(Redacted.make(over)), certificate: Option.none() })
        )
      )
      assert.strictEqual(error._tag === "NotAuthenticated" ? error.token : error._tag, "expired")
      assert.lengthOf(reviews.receivedReviews.tokens, 0)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a claimed expiry far in the future does not replace a review", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* tokenResult(jwt(1e9)), "NotAuthenticated")
      assert.lengthOf(reviews.receivedReviews.tokens, 1)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a token with an unreadable expiry is treated as one without expiry", () => {
    const reviews = makeReviews()
    const odd = [jwt("soon"), jwt(null), "a.b.c", "a.bm90anNvbg.c"]
    for (const value of odd) reviews.state.tokens.set(value, alice)
    return Effect.gen(function* () {
      for (const value of odd) assert.strictEqual(yield* tokenResult(value), "alice")
      yield* TestClock.adjust("119 seconds")
      for (const value of odd) assert.strictEqual(yield* tokenResult(value), "alice")
      assert.lengthOf(reviews.receivedReviews.tokens, odd.length)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("an allowed access is reviewed again after 5 minutes, and denied if the role was removed", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* accessResult(), "allowed")
      reviews.state.rights.delete(alice.name)
      yield* TestClock.adjust("299999 millis")
      assert.strictEqual(yield* accessResult(), "allowed")
      assert.lengthOf(reviews.receivedReviews.accesses, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* accessResult(), "Denied")
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("a denied access is reviewed again after 30 seconds", () => {
    const reviews = makeReviews()
    const rights = reviews.state.rights.get(alice.name) ?? []
    reviews.state.rights.delete(alice.name)
    return Effect.gen(function* () {
      assert.strictEqual(yield* accessResult(), "Denied")
      reviews.state.rights.set(alice.name, rights)
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(yield* accessResult(), "Denied")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* accessResult(), "allowed")
      assert.lengthOf(reviews.receivedReviews.accesses, 2)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("lifetimes begin when the review is sent, not when it is answered", () => {
    const reviews = makeReviews()
    reviews.state.beforeResult = Effect.sleep("2 seconds")
    return Effect.gen(function* () {
      const first = yield* Effect.forkChild(tokenResult())
      yield* settle
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(first), "alice")
      reviews.state.beforeResult = Effect.void
      yield* TestClock.adjust("118 seconds")
      yield* tokenResult()
      assert.lengthOf(reviews.receivedReviews.tokens, 2)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("access decisions depend on uid, groups and extra as well as the name", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* accessResult(alice)
      for (const fields of [{ uid: "1" }, { groups: ["others"] }, { extra: { scopes: ["less"] } }]) {
        yield* accessResult(TestReviews.authenticatedUser("alice", fields))
      }
      yield* accessResult(TestReviews.authenticatedUser("alice"))
      assert.lengthOf(reviews.receivedReviews.accesses, 4)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("setting the clock back does not extend a lifetime", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* TestClock.setTime(3_600_000)
      yield* tokenResult()
      yield* accessResult()
      yield* TestClock.setTime(3_599_000)
      yield* tokenResult()
      yield* accessResult()
      assert.lengthOf(reviews.receivedReviews.tokens, 2)
      assert.lengthOf(reviews.receivedReviews.accesses, 2)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })
})
