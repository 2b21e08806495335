import { assert, describe, it } from "vitest"
import { combineRounds, median, percentile, spread } from "../../src/report/Statistics.ts"

describe("statistics", () => {
  it("the median of an even number of values is between the middle two", () => {
    assert.strictEqual(median([4, 1, 3, 2]), 2.5)
    assert.strictEqual(median([5, 1, 3]), 3)
  })

  it("percentiles are interpolated, for values in any order", () => {
    assert.strictEqual(percentile([10, 0], 0.99), 9.9)
    assert.strictEqual(percentile([7], 0.99), 7)
    assert.isNaN(percentile([], 0.5))
  })

  it("rounds are combined to the median of their p50 and the largest p99", () => {
    const rounds = [0.1, 0.3, 0.2].map((p50) => ({ p50, p99: p50 + 0.5 }))
    assert.deepStrictEqual(combineRounds(rounds), { p50: 0.2, p99: 0.8 })
  })

  it("a spread has the minimum and the maximum", () => {
    assert.deepStrictEqual(spread([2, 9, 4]), { median: 4, min: 2, max: 9 })
  })
})
