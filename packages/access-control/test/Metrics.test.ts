import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { alice, layerOf, makeReviews, may, token, unreachable, who } from "./Harness.ts"

const prefix = "registry_packages_proxy"

describe("Metrics", () => {
  it.effect("count decisions by result and origin, stale ones included, and the seconds of reviews", () => {
    const reviews = makeReviews()
    return Effect.gen(function* () {
      yield* Effect.all([who(), who(), who("bogus"), may(), may()])
      reviews.state.failure = unreachable
      yield* TestClock.adjust("10 minutes")
      yield* Effect.all([who(), may(), who("another")])
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
        [`access_reviews_under_way`, 0],
        [`access_callers_waiting`, 0]
      ] as const) {
        assert.include(sorted(text), `${prefix}_${line} ${value}\n`)
      }
      assert.notInclude(text, token)
      assert.notInclude(text, alice.name)
    }).pipe(Effect.provide(layerOf(reviews)))
  })
})

/** The exposition with each line's labels in order. */
const sorted = (text: string): string =>
  text.replaceAll(/\{([^}]*)\}/g, (_, labels: string) => `{${labels.split(",").sort().join(",")}}`)
