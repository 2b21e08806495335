import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as DifferenceTable from "../../src/oracle/DifferenceTable.ts"

const row = (scenario: string, program = "served"): DifferenceTable.DifferenceRow => ({
  scenario,
  program,
  otherClient: "refused",
  reason: "because"
})

describe("DifferenceTable", () => {
  it("finds a scenario's own row before one with a wildcard", () => {
    const rows = [row("index: *"), row("index: 5 deep", "refused"), row("index")]
    assert.strictEqual(DifferenceTable.rowFor("index: 5 deep", rows)?.program, "refused")
    assert.strictEqual(DifferenceTable.rowFor("index: 6 deep", rows)?.scenario, "index: *")
    assert.isUndefined(DifferenceTable.rowFor("manifest: *", rows))
  })

  it("parses the row that it writes, with bars in names", () => {
    const line = DifferenceTable.formatRow("redirect: | ^ [ ]", { program: "served", otherClient: "refused" })
    assert.deepStrictEqual(DifferenceTable.parseRow(line), {
      scenario: "redirect: | ^ [ ]",
      program: "served",
      otherClient: "refused",
      reason: "..."
    })
  })

  it.effect("has a reason in every row of the docs, and no name twice", () =>
    Effect.gen(function* () {
      for (const who of ["go-containerregistry", "kubelet", "httpproxy"] as const) {
        const rows = yield* DifferenceTable.readRows(who)
        for (const { scenario, reason } of rows) assert.match(reason, /^(?!\.\.\.).+/, scenario)
        const names = rows.map(({ scenario }) => scenario)
        assert.deepStrictEqual(names, [...new Set(names)])
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
