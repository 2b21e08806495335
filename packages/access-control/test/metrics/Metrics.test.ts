import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Option, Result, Duration } from "effect"
import { PrometheusMetrics } from "effect/observability"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Authenticator } from "../../src/Authenticator.ts"
import * as Limits from "../../src/internal/Limits.ts"
import {
  alice,
  jwt,
  accessControlLayer,
  makeReviews,
  accessResult,
  advance,
  settle,
  token,
  unreachable,
  tokenResult
} from "../Harness.ts"

const prefix = "registry_packages_proxy"

describe("Metrics", () => {
  it.effect("count decisions by result and origin, and measure reviews", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([tokenResult(), tokenResult(), tokenResult("bogus"), accessResult(), accessResult()])
      reviews.state.failure = unreachable
      yield* TestClock.adjust("10 minutes")
      yield* Effect.all([tokenResult(), accessResult(), tokenResult("another")])
      yield* tokenResult(jwt(1))
      yield* Effect.ignore(
        Authenticator.use(({ authenticate }) =>
          authenticate({ token: Option.none(), certificate: Option.some(Result.fail("expired")) })
        )
      )
      const text = yield* PrometheusMetrics.format()
      for (const [line, value] of [
        [`authentications_total{from="review",result="accepted"}`, 1],
        [`authentications_total{from="memory",result="accepted"}`, 1],
        [`authentications_total{from="stale",result="accepted"}`, 1],
        [`authentications_total{from="review",result="refused"}`, 1],
        [`authentications_total{from="none",result="undecided"}`, 1],
        [`authorizations_total{from="review",result="allowed"}`, 1],
        [`authorizations_total{from="memory",result="allowed"}`, 1],
        [`authorizations_total{from="stale",result="allowed"}`, 1],
        [`access_review_seconds_count{outcome="answered",review="TokenReview"}`, 2],
        [`access_review_seconds_count{outcome="Unreachable",review="TokenReview"}`, 2],
        [`access_reviews_in_progress`, 0],
        [`access_reviews_queued`, 0],
        [`access_callers_waiting`, 0],
        [`authentications_total{from="certificate",result="refused"}`, 1],
        [`authentications_total{from="expiry",result="refused"}`, 1]
      ] as const) {
        assert.include(sorted(text), `${prefix}_${line} ${value}\n`)
      }
      assert.notInclude(text, token)
      assert.notInclude(text, alice.name)
    }).pipe(
      Effect.provide(accessControlLayer(reviews)),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  })

  it.effect("count queued reviews, and by reason the reviews that are never sent", () => {
    const reviews = makeReviews()
    reviews.state.beforeResult = Effect.never
    const strangers = (count: number, name: string) =>
      Effect.forEach(Array.from({ length: count }), (_, n) => Effect.forkChild(tokenResult(`${name}-${n}`)))
    return Effect.gen(function* () {
      const leaving = yield* strangers(Limits.maxReviewsPerLane + 20, "leaving")
      yield* settle
      yield* Fiber.interruptAll(leaving)
      const waiting = yield* strangers(Limits.maxQueuedPerLane + 1, "waiting")
      yield* settle
      const during = yield* PrometheusMetrics.format()
      assert.include(during, `${prefix}_access_reviews_queued ${Limits.maxQueuedPerLane}\n`)
      assert.include(during, `${prefix}_access_callers_waiting ${Limits.maxQueuedPerLane}\n`)
      assert.include(during, `${prefix}_access_reviews_dropped_total{reason="abandoned"} 20\n`)
      assert.include(during, `${prefix}_access_reviews_dropped_total{reason="overflow"} 1\n`)
      yield* advance(Duration.toMillis(Limits.maxQueueTime) + Duration.toMillis(Limits.reviewTimeout))
      yield* Fiber.joinAll(waiting)
      const after = yield* PrometheusMetrics.format()
      const sent = reviews.receivedReviews.tokens.length - Limits.maxReviewsPerLane
      assert.include(
        after,
        `${prefix}_access_reviews_dropped_total{reason="expired"} ${Limits.maxQueuedPerLane - sent}\n`
      )
    }).pipe(
      Effect.provide(accessControlLayer(reviews)),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  })
})

/** Returns the metrics with the labels of each line sorted. */
const sorted = (text: string): string =>
  text.replaceAll(/\{([^}]*)\}/g, (_, labels: string) => `{${labels.split(",").sort().join(",")}}`)
