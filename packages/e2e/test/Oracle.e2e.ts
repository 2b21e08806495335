import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import fc from "fast-check"
import * as Comparison from "../src/oracle/Comparison.ts"
import * as DifferenceTable from "../src/oracle/DifferenceTable.ts"
import * as NoProxy from "../src/oracle/NoProxy.ts"
import * as Oracle from "../src/oracle/world/Oracle.ts"
import { situations } from "../src/oracle/situations/index.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

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
  ).pipe(Layer.provideMerge(layerPrograms))
}

/** Asserts that the docs have a row that explains the difference, or no row if `difference` is undefined. */
const assertDocumented = (options: {
  readonly name: string
  readonly difference: DifferenceTable.Difference | undefined
  readonly rows: Rows
  readonly details: string
}) => {
  const { difference, name, rows, details } = options
  const row = DifferenceTable.rowFor(name, rows)
  const wanted = difference === undefined ? "no row" : DifferenceTable.written(name, difference)
  assert.deepStrictEqual(
    row === undefined ? undefined : { ours: row.ours, theirs: row.theirs },
    difference,
    `docs/registries.md must have: ${wanted}\n${details}`
  )
  assert.notStrictEqual(row?.why, "...", "the row has no reason")
}

const unusedRows = (rows: Rows, names: ReadonlyArray<string>): Rows => {
  const used = new Set(names.map((name) => DifferenceTable.rowFor(name, rows)))
  return rows.filter((row) => !used.has(row))
}

layer(Played.layer, layerOptions)(
  "The program gets the same result as go-containerregistry, or the docs say why not:",
  (it) => {
    for (const { name } of all) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const { kubeletRows, outcomes, theirRows } = yield* Played
          const both = outcomes.get(name)
          assert.isDefined(both)
          const { kubelet, ours, theirs } = both
          assert.notMatch(ours.error, /^500/, "a refusal must not be an internal error")
          const details = `ours: ${ours.error}\ntheirs: ${theirs.error}`
          assertDocumented({
            name,
            rows: theirRows,
            details,
            difference: Comparison.differenceOf(ours, theirs)
          })
          if (kubelet !== undefined)
            assertDocumented({
              name,
              rows: kubeletRows,
              details: `ours: ${ours.error}\nkubelet: ${kubelet.error}`,
              difference: Comparison.differenceOfCredentials(ours, kubelet)
            })
        })
      )
    }

    it.effect("the docs have no row without a difference", () =>
      Effect.gen(function* () {
        const { kubeletRows, theirRows } = yield* Played
        const names = all.map(({ name }) => name)
        assert.deepStrictEqual([...unusedRows(theirRows, names), ...unusedRows(kubeletRows, names)], [])
      })
    )
  }
)

/** Asserts that this program and httpproxy choose the same route to each URL for each NO_PROXY value. */
const assertSameRoutes = Effect.fnUntraced(function* (values: ReadonlyArray<string>) {
  const { urls } = NoProxy
  const answers = yield* Oracle.ask(values.map((noProxy) => ({ routes: { noProxy, urls } })))
  values.forEach((noProxy, index) => {
    const show = (routes: ReadonlyArray<Oracle.Route> = []) =>
      routes.map((route, at) => `${urls[at]}: ${route}`)
    assert.deepStrictEqual(
      show(NoProxy.ours(noProxy, urls)),
      show(answers[index]?.routes),
      `NO_PROXY=${noProxy}`
    )
  })
})

layer(layerPrograms, layerOptions)(
  "The program reads NO_PROXY like httpproxy, or the docs say why not:",
  (it) => {
    it.effect("random values, for every kind of server", () =>
      assertSameRoutes(fc.sample(NoProxy.values, 3000))
    )

    for (const each of NoProxy.cases) {
      const name = NoProxy.nameOf(each)
      it.effect(name, () =>
        Effect.gen(function* () {
          const rows = yield* DifferenceTable.read("httpproxy")
          const [answer] = yield* Oracle.ask([{ routes: { noProxy: each.noProxy, urls: [each.url] } }])
          const [[ours = ""], [theirs = ""] = []] = [NoProxy.ours(each.noProxy, [each.url]), answer?.routes]
          assertDocumented({
            name,
            rows,
            details: "",
            difference: ours === theirs ? undefined : { ours, theirs }
          })
        })
      )
    }

    it.effect("the docs have no row without a difference", () =>
      Effect.gen(function* () {
        const rows = yield* DifferenceTable.read("httpproxy")
        assert.deepStrictEqual(unusedRows(rows, NoProxy.cases.map(NoProxy.nameOf)), [])
      })
    )
  }
)
