import { assert, describe, it } from "@effect/vitest"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/AccessControlReviews"
import { Effect, Fiber, Option, Redacted } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Authenticator } from "../../../src/Authenticator.ts"
import { alice, jwt, layerOf, makeReviews, may, settle, token, who } from "../../Harness.ts"

describe("how long decisions live", () => {
  it.effect("an accepted token is asked about again after 2 minutes, and a revoked one then refused", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* who(), "alice")
      reviews.state.tokens.delete(token)
      yield* TestClock.adjust("119999 millis")
      assert.strictEqual(yield* who(), "alice")
      assert.lengthOf(reviews.asked.tokens, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* who(), "NotAuthenticated")
      assert.lengthOf(reviews.asked.tokens, 2)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a refused token is asked about again after 30 seconds", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* who("new"), "NotAuthenticated")
      reviews.state.tokens.set("new", TestReviews.user("newcomer"))
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(yield* who("new"), "NotAuthenticated")
      assert.lengthOf(reviews.asked.tokens, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* who("new"), "newcomer")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect(
    "an accepted token is refused from its own end on, without asking, whatever the API server says",
    () => {
      const reviews = makeReviews()
      const short = jwt(50)
      reviews.state.tokens.set(short, alice)
      return Effect.gen(function* () {
        assert.strictEqual(yield* who(short), "alice")
        yield* TestClock.adjust("49999 millis")
        assert.strictEqual(yield* who(short), "alice")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* who(short), "NotAuthenticated")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* who(short), "NotAuthenticated")
        assert.lengthOf(reviews.asked.tokens, 1)
      }).pipe(Effect.provide(layerOf(reviews)))
    }
  )

  it.effect("a token that was never asked about is refused past its own end too, and told so", () => {
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
      assert.lengthOf(reviews.asked.tokens, 0)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("the end that a token claims gives it no worth: one far off is asked about as any other", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* who(jwt(1e9)), "NotAuthenticated")
      assert.lengthOf(reviews.asked.tokens, 1)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a token whose end cannot be read lives as one that has none", () => {
    const reviews = makeReviews()
    const odd = [jwt("soon"), jwt(null), "a.b.c", "a.bm90anNvbg.c"]
    for (const value of odd) reviews.state.tokens.set(value, alice)
    return Effect.gen(function* () {
      for (const value of odd) assert.strictEqual(yield* who(value), "alice")
      yield* TestClock.adjust("119 seconds")
      for (const value of odd) assert.strictEqual(yield* who(value), "alice")
      assert.lengthOf(reviews.asked.tokens, odd.length)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("an allowed access is asked about again after 5 minutes, and a removed role then denies", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.strictEqual(yield* may(), "allowed")
      reviews.state.rights.delete(alice.name)
      yield* TestClock.adjust("299999 millis")
      assert.strictEqual(yield* may(), "allowed")
      assert.lengthOf(reviews.asked.accesses, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* may(), "Denied")
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a denied access is asked about again after 30 seconds", () => {
    const reviews = makeReviews()
    const rights = reviews.state.rights.get(alice.name) ?? []
    reviews.state.rights.delete(alice.name)
    return Effect.gen(function* () {
      assert.strictEqual(yield* may(), "Denied")
      reviews.state.rights.set(alice.name, rights)
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(yield* may(), "Denied")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* may(), "allowed")
      assert.lengthOf(reviews.asked.accesses, 2)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("lifetimes count from when the question was sent, not from its answer", () => {
    const reviews = makeReviews()
    reviews.state.gate = Effect.sleep("2 seconds")
    return Effect.gen(function* () {
      const first = yield* Effect.forkChild(who())
      yield* settle
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(first), "alice")
      reviews.state.gate = Effect.void
      yield* TestClock.adjust("118 seconds")
      yield* who()
      assert.lengthOf(reviews.asked.tokens, 2)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("what a user is decides about access: uid, groups and extra as well as the name", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* may(alice)
      for (const fields of [{ uid: "1" }, { groups: ["others"] }, { extra: { scopes: ["less"] } }]) {
        yield* may(TestReviews.user("alice", fields))
      }
      yield* may(TestReviews.user("alice"))
      assert.lengthOf(reviews.asked.accesses, 4)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("a clock set back makes nothing live longer", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* TestClock.setTime(3_600_000)
      yield* who()
      yield* may()
      yield* TestClock.setTime(3_599_000)
      yield* who()
      yield* may()
      assert.lengthOf(reviews.asked.tokens, 2)
      assert.lengthOf(reviews.asked.accesses, 2)
    }).pipe(Effect.provide(layerOf(reviews)))
  })
})
