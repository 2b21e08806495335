import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Comparison from "../src/oracle/Comparison.ts"
import * as DifferenceTable from "../src/oracle/DifferenceTable.ts"
import { situations } from "../src/oracle/situations/index.ts"
import { layerParts, options } from "../src/TestBed.ts"

const all = await Effect.runPromise(situations)

/** What both clients made of all situations, and what the docs say of it. */
class Played extends Context.Service<
  Played,
  {
    readonly outcomes: ReadonlyMap<string, Comparison.Outcomes>
    readonly table: Effect.Success<typeof DifferenceTable.read>
  }
>()("@registry-packages-proxy/e2e/Played") {
  static readonly layer = Layer.effect(
    Played,
    Effect.all({ outcomes: Comparison.compare(all), table: DifferenceTable.read })
  ).pipe(Layer.provideMerge(layerParts))
}

layer(Played.layer, options)("go-containerregistry and the bundle make the same of", (it) => {
  for (const { name } of all) {
    it.effect(`${name}, or docs/registries.md says what differs`, () =>
      Effect.gen(function* () {
        const { outcomes, table } = yield* Played
        const both = outcomes.get(name)
        assert.isDefined(both)
        const difference = Comparison.differenceOf(both)
        const row = table.get(name)
        const told = row === undefined ? undefined : { ours: row.ours, theirs: row.theirs }
        const wanted = difference === undefined ? "no row" : DifferenceTable.row(name, difference)
        const said = `ours: ${both.ours.said}\ntheirs: ${both.theirs.said}`
        assert.deepStrictEqual(told, difference, `docs/registries.md is to have: ${wanted}\n${said}`)
        assert.notStrictEqual(row?.why, "...", "the row has no reason")
      })
    )
  }

  it.effect("what docs/registries.md has rows for", () =>
    Effect.gen(function* () {
      const { table } = yield* Played
      const names = all.map(({ name }) => name)
      assert.deepStrictEqual(
        [...table.keys()].filter((name) => !names.includes(name)),
        []
      )
    })
  )
})
