import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as DifferenceTable from "../../src/oracle/DifferenceTable.ts"

const row = (situation: string, ours = "served"): DifferenceTable.Row => ({
  situation,
  ours,
  theirs: "refused",
  why: "because"
})

describe("DifferenceTable", () => {
  it("finds a situation's own row before one with a wildcard", () => {
    const rows = [row("index: *"), row("index: 5 deep", "refused"), row("index")]
    assert.strictEqual(DifferenceTable.rowFor("index: 5 deep", rows)?.ours, "refused")
    assert.strictEqual(DifferenceTable.rowFor("index: 6 deep", rows)?.situation, "index: *")
    assert.isUndefined(DifferenceTable.rowFor("manifest: *", rows))
  })

  it("parses the row that it writes, with bars in names", () => {
    const line = DifferenceTable.written("redirect: | ^ [ ]", { ours: "served", theirs: "refused" })
    assert.deepStrictEqual(DifferenceTable.parse(line), {
      situation: "redirect: | ^ [ ]",
      ours: "served",
      theirs: "refused",
      why: "..."
    })
  })

  it.effect("has a reason in every row of the docs, and no name twice", () =>
    Effect.gen(function* () {
      for (const who of ["go-containerregistry", "kubelet", "httpproxy"] as const) {
        const rows = yield* DifferenceTable.read(who)
        for (const { situation, why } of rows) assert.match(why, /^(?!\.\.\.).+/, situation)
        const names = rows.map(({ situation }) => situation)
        assert.deepStrictEqual(names, [...new Set(names)])
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
