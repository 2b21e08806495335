import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Authenticator } from "../src/Authenticator.ts"
import { Authorizer } from "../src/Authorizer.ts"
import * as Metrics from "../src/Metrics.ts"
import {
  alice,
  cachedUserAndAccess,
  accessControlLayer,
  makeReviews,
  accessResult,
  token,
  unreachable,
  tokenResult
} from "./Harness.ts"

const nothing = { user: undefined, isAllowed: false }

describe("cached decisions", () => {
  it.effect("are available without waiting while they are fresh", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* cachedUserAndAccess(), nothing)
      yield* tokenResult()
      yield* accessResult()
      assert.deepStrictEqual(yield* cachedUserAndAccess(), { user: "alice", isAllowed: true })
      reviews.state.tokens.delete(token)
      reviews.state.rights.delete(alice.name)
      yield* TestClock.adjust("119999 millis")
      assert.deepStrictEqual(yield* cachedUserAndAccess(), { user: "alice", isAllowed: true })
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* cachedUserAndAccess(), { user: undefined, isAllowed: true })
      yield* TestClock.adjust("180 seconds")
      assert.deepStrictEqual(yield* cachedUserAndAccess(), nothing)
      assert.deepStrictEqual([yield* tokenResult(), yield* accessResult()], ["NotAuthenticated", "Denied"])
      // `cachedUser` returns no cached refusals, because a refused caller needs the error that `authenticate` returns.
      assert.deepStrictEqual(yield* cachedUserAndAccess(), nothing)
      assert.lengthOf(reviews.receivedReviews.tokens, 2)
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("are not available from a service that wraps the layer's own", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* tokenResult()
      yield* accessResult()
      const authenticator = yield* Authenticator
      const authorizer = yield* Authorizer
      const wrapped = cachedUserAndAccess().pipe(
        Effect.provideService(Authenticator, { ...authenticator }),
        Effect.provideService(Authorizer, { ...authorizer })
      )
      assert.deepStrictEqual(yield* wrapped, nothing)
      assert.deepStrictEqual(yield* cachedUserAndAccess(), { user: "alice", isAllowed: true })
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("are available while stale during an outage", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* tokenResult()
      yield* accessResult()
      yield* TestClock.adjust("10 minutes")
      reviews.state.failure = unreachable
      assert.deepStrictEqual(yield* cachedUserAndAccess(), nothing)
      yield* tokenResult()
      yield* accessResult()
      assert.deepStrictEqual(yield* cachedUserAndAccess(), { user: "alice", isAllowed: true })
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })

  it.effect("are counted when they are used", () => {
    const reviews = makeReviews()
    const counted = Effect.all([
      Metric.value(Metrics.authentications("accepted", "memory")),
      Metric.value(Metrics.authorizations("allowed", "memory"))
    ]).pipe(Effect.map((counters) => counters.map(({ count }) => count)))
    return Effect.gen(function* () {
      yield* cachedUserAndAccess()
      yield* tokenResult()
      yield* accessResult()
      const before = yield* counted
      yield* cachedUserAndAccess()
      assert.deepStrictEqual(
        yield* counted,
        before.map((count) => count + 1)
      )
    }).pipe(Effect.provide(accessControlLayer(reviews)))
  })
})
