import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Comparison from "../src/oracle/Comparison.ts"
import * as DifferenceTable from "../src/oracle/DifferenceTable.ts"
import { situations } from "../src/oracle/situations/index.ts"
import { layerParts, options } from "../src/TestBed.ts"

const all = await Effect.runPromise(situations)

type Rows = ReadonlyArray<DifferenceTable.Row>

/** The results of all clients in all situations, and the rows of docs/registries.md. */
class Played extends Context.Service<
  Played,
  {
    readonly outcomes: ReadonlyMap<string, Comparison.Outcomes>
    readonly theirRows: Rows
    readonly kubeletRows: Rows
  }
>()("@registry-packages-proxy/e2e/Played") {
  static readonly layer = Layer.effect(
    Played,
    Effect.all({
      outcomes: Comparison.compare(all),
      theirRows: DifferenceTable.read("go-containerregistry"),
      kubeletRows: DifferenceTable.read("kubelet")
    })
  ).pipe(Layer.provideMerge(layerParts))
}

/** Fails unless the docs have a row with a reason for this difference, and none where there is no difference. */
const assertTold = (options: {
  readonly name: string
  readonly difference: DifferenceTable.Difference | undefined
  readonly rows: Rows
  readonly said: string
}) => {
  const { difference, name, rows, said } = options
  const row = DifferenceTable.rowFor(name, rows)
  const wanted = difference === undefined ? "no row" : DifferenceTable.written(name, difference)
  assert.deepStrictEqual(
    row === undefined ? undefined : { ours: row.ours, theirs: row.theirs },
    difference,
    `docs/registries.md is to have: ${wanted}\n${said}`
  )
  assert.notStrictEqual(row?.why, "...", "the row has no reason")
}

const unusedRows = (rows: Rows, names: ReadonlyArray<string>): Rows => {
  const used = new Set(names.map((name) => DifferenceTable.rowFor(name, rows)))
  return rows.filter((row) => !used.has(row))
}

layer(Played.layer, options)(
  "Of what go-containerregistry makes the bundle makes the same, or the docs say why not:",
  (it) => {
    for (const { name } of all) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const { kubeletRows, outcomes, theirRows } = yield* Played
          const both = outcomes.get(name)
          assert.isDefined(both)
          const { kubelet, ours, theirs } = both
          assert.notMatch(ours.said, /^500/, "a refusal is never a bug")
          const said = `ours: ${ours.said}\ntheirs: ${theirs.said}`
          assertTold({ name, rows: theirRows, said, difference: Comparison.differenceOf(ours, theirs) })
          if (kubelet !== undefined)
            assertTold({
              name,
              rows: kubeletRows,
              said: `ours: ${ours.said}\nkubelet: ${kubelet.said}`,
              difference: Comparison.differenceOfCredentials(ours, kubelet)
            })
        })
      )
    }

    it.effect("the docs have no row about anything else", () =>
      Effect.gen(function* () {
        const { kubeletRows, theirRows } = yield* Played
        const names = all.map(({ name }) => name)
        assert.deepStrictEqual([...unusedRows(theirRows, names), ...unusedRows(kubeletRows, names)], [])
      })
    )
  }
)
