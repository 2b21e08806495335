import { labelled, forEachValue, anyValue } from "@registry-packages-proxy/metrics/Labelled"
import { Context, Metric } from "effect"
import { assert, describe, it } from "vitest"

const context = Context.make(Metric.MetricRegistry, new Map())

describe("labelled", () => {
  const total = Metric.counter("labelled_total", { description: "Things", incremental: true })

  it("returns the same series for the same labels in any order", () => {
    const of = labelled(total, { result: ["a", "b"], code: anyValue })
    assert.strictEqual(of({ result: "a", code: "1" }), of({ code: "1", result: "a" }))
    assert.notStrictEqual(of({ result: "a", code: "1" }), of({ result: "b", code: "1" }))
  })

  it("counts under the metric's name, with labels and help", () => {
    labelled(total, { result: ["a"] })({ result: "a" }).updateUnsafe(2, context)
    const [{ attributes, description, id, state } = {}] = Metric.snapshotUnsafe(context)
    assert.deepStrictEqual(
      [id, description, attributes, state],
      ["labelled_total", "Things", { result: "a" }, { count: 2, incremental: true }]
    )
  })

  it("has a histogram's boundaries in each series", () => {
    const seconds = Metric.histogram("seconds", { boundaries: [1] })
    const one = labelled(seconds, { of: ["a"] }, [1, 2])({ of: "a" })
    one.updateUnsafe(1.5, context)
    assert.deepStrictEqual(
      one.valueUnsafe(context).buckets.map(([boundary]) => boundary),
      [1, 2]
    )
  })
})

describe("forEachValue", () => {
  it("has a key for each value", () => {
    assert.deepStrictEqual(
      forEachValue(["a", "b"], (value) => value.toUpperCase()),
      { a: "A", b: "B" }
    )
  })
})
