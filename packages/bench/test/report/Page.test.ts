import { assert, describe, it } from "vitest"
import { withReport } from "../../src/report/Page.ts"
import type { Report } from "../../src/report/Report.ts"

const report: Report = {
  machine: { cpu: "2 x some" },
  missing: ["wrk is missing"],
  comparisons: [
    {
      title: "hit",
      unit: "GB/s",
      lessIsBetter: false,
      rows: [
        {
          subject: "a | b",
          value: { median: 1.5, min: 1, max: 2 },
          ratio: 1,
          cpuPerGb: 0.5,
          firstByte: { p50: 0.001, p99: 0.01 }
        }
      ],
      notes: ["a note"]
    }
  ],
  verdicts: [{ what: "hit", target: ">= 1x", measured: "0.9x", met: false }]
}

describe("a report on a page", () => {
  it("is between its markers, with a table of targets and one for each comparison", () => {
    const page = withReport("# P\n<!-- bench:start -->\nold\n<!-- bench:end -->\nrest\n", report)
    assert.include(page, "# P\n<!-- bench:start -->\n\n- cpu: 2 x some\n- wrk is missing\n")
    assert.include(page, "| hit | >= 1x | 0.9x | **missed** |")
    assert.include(page, "| a \\| b | 1.50 | 1.00-2.00 | 1.00x | 0.50 |  | 1.00 | 10.0 |\n\n- a note\n")
    assert.include(page, "<!-- bench:end -->\nrest\n")
    assert.notInclude(page, "old")
    assert.strictEqual(withReport(page, report), page)
  })

  it("fails for a page without markers", () => {
    assert.throws(
      () => withReport("# P\n", report),
      /the page has no markers for a report; expected: <!-- bench:start -->/
    )
  })
})
