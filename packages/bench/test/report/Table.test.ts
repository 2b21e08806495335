import { assert, describe, it } from "vitest"
import { verdicts } from "../../src/Targets.ts"
import { renderChart } from "../../src/report/Chart.ts"
import { type Comparison, timesBetter } from "../../src/report/Report.ts"
import { alignColumns, comparisonTable, formatFigure } from "../../src/report/Table.ts"

const row = (subject: string, median: number) => ({
  subject,
  value: { median, min: median, max: median },
  ratio: 1
})

const miss: Comparison = {
  title: "cold miss, 256 MiB",
  unit: "s",
  lessIsBetter: true,
  rows: [row("registry-packages-proxy", 0.5), row("distribution pull-through", 0.4)],
  notes: ["a note"]
}

describe("the report", () => {
  it("prints small numbers with more decimals than large ones", () => {
    assert.deepStrictEqual([1234.5, 12.34, 1.234, 0.1234, 0.01234, 0, Number.NaN].map(formatFigure), [
      "1235",
      "12.3",
      "1.23",
      "0.12",
      "0.0123",
      "0",
      "-"
    ])
  })

  it("aligns columns by their widest cell", () => {
    assert.strictEqual(
      alignColumns([
        ["a", "1"],
        ["bcd", "22"]
      ]),
      "a     1\nbcd  22"
    )
  })

  it("says how many times better one subject is, for times and for rates", () => {
    assert.strictEqual(timesBetter(miss, "registry-packages-proxy", "distribution pull-through"), 0.8)
    assert.strictEqual(
      timesBetter({ ...miss, lessIsBetter: false }, "registry-packages-proxy", "distribution pull-through"),
      1.25
    )
    assert.isUndefined(timesBetter(miss, "registry-packages-proxy", "nobody"))
  })

  it("judges a target by the measurement", () => {
    assert.deepStrictEqual(verdicts([miss]), [
      {
        what: "cold miss against distribution's pull-through",
        target: "<= 1.00x its time",
        measured: "1.250x",
        met: false
      }
    ])
  })

  it("has every subject in the table and in the chart", () => {
    for (const text of [comparisonTable(miss), renderChart([miss])]) {
      assert.include(text, "distribution pull-through")
      assert.include(text, "cold miss, 256 MiB")
    }
  })
})
