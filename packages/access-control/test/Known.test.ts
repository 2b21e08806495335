import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Authenticator } from "../src/Authenticator.ts"
import { Authorizer } from "../src/Authorizer.ts"
import * as Metrics from "../src/Metrics.ts"
import { alice, known, layerOf, makeReviews, may, token, unreachable, who } from "./Harness.ts"

const nothing = { user: undefined, may: false }

describe("what is known without asking", () => {
  it.effect("is what was decided, for as long as that may be used", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* known(), nothing)
      yield* who()
      yield* may()
      assert.deepStrictEqual(yield* known(), { user: "alice", may: true })
      reviews.state.tokens.delete(token)
      reviews.state.rights.delete(alice.name)
      yield* TestClock.adjust("119999 millis")
      assert.deepStrictEqual(yield* known(), { user: "alice", may: true })
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* known(), { user: undefined, may: true })
      yield* TestClock.adjust("180 seconds")
      assert.deepStrictEqual(yield* known(), nothing)
      assert.deepStrictEqual([yield* who(), yield* may()], ["NotAuthenticated", "Denied"])
      // A no is not known: whoever gets one is to be told why.
      assert.deepStrictEqual(yield* known(), nothing)
      assert.lengthOf(reviews.asked.tokens, 2)
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("is said of the layer's own only: what wraps it has to be asked", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* who()
      yield* may()
      const authenticator = yield* Authenticator
      const authorizer = yield* Authorizer
      const wrapped = known().pipe(
        Effect.provideService(Authenticator, { ...authenticator }),
        Effect.provideService(Authorizer, { ...authorizer })
      )
      assert.deepStrictEqual(yield* wrapped, nothing)
      assert.deepStrictEqual(yield* known(), { user: "alice", may: true })
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("is what stands in for a decision while nobody answers", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* who()
      yield* may()
      yield* TestClock.adjust("10 minutes")
      reviews.state.failure = unreachable
      assert.deepStrictEqual(yield* known(), nothing)
      yield* who()
      yield* may()
      assert.deepStrictEqual(yield* known(), { user: "alice", may: true })
    }).pipe(Effect.provide(layerOf(reviews)))
  })

  it.effect("is counted as what it is", () => {
    const reviews = makeReviews()
    const counted = Effect.all([
      Metric.value(Metrics.authentications("accepted", "memory")),
      Metric.value(Metrics.authorizations("allowed", "memory"))
    ]).pipe(Effect.map((counters) => counters.map(({ count }) => count)))
    return Effect.gen(function* () {
      yield* known()
      yield* who()
      yield* may()
      const before = yield* counted
      yield* known()
      assert.deepStrictEqual(
        yield* counted,
        before.map((count) => count + 1)
      )
    }).pipe(Effect.provide(layerOf(reviews)))
  })
})
