import { assert, describe, it } from "vitest"
import { median, percentile, spread } from "../../src/report/Statistics.ts"

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

  it("a spread has the minimum and the maximum", () => {
    assert.deepStrictEqual(spread([2, 9, 4]), { median: 4, min: 2, max: 9 })
  })
})
