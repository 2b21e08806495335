import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import fc from "fast-check"
import * as Comparison from "../src/oracle/Comparison.ts"
import * as DifferenceTable from "../src/oracle/DifferenceTable.ts"
import * as NoProxy from "../src/oracle/NoProxy.ts"
import * as Oracle from "../src/oracle/harness/Oracle.ts"
import { scenarios } from "../src/oracle/scenarios/index.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

const all = await Effect.runPromise(scenarios)

type Rows = ReadonlyArray<DifferenceTable.DifferenceRow>

/** The results of all clients in all scenarios, and the rows of the tables in docs/registries.md. */
class Played extends Context.Service<
  Played,
  {
    readonly outcomes: ReadonlyMap<string, Comparison.ScenarioOutcomes>
    readonly goContainerRegistryRows: Rows
    readonly kubeletRows: Rows
  }
>()("@registry-packages-proxy/e2e/Played") {
  static readonly layer = Layer.effect(
    Played,
    Effect.all({
      outcomes: Comparison.compare(all),
      goContainerRegistryRows: DifferenceTable.readRows("go-containerregistry"),
      kubeletRows: DifferenceTable.readRows("kubelet")
    })
  ).pipe(Layer.provideMerge(layerPrograms))
}

/**
 * Asserts that `rows`, from a table in docs/registries.md, have a row for the scenario `name` with this difference and
 * a reason. If `difference` is undefined, asserts that there is no row for the scenario.
 */
const assertDocumented = (options: {
  readonly name: string
  readonly difference: DifferenceTable.Difference | undefined
  readonly rows: Rows
  readonly details: string
}) => {
  const { difference, name, rows, details } = options
  const row = DifferenceTable.rowFor(name, rows)
  const wanted = difference === undefined ? "no row" : DifferenceTable.formatRow(name, difference)
  assert.deepStrictEqual(
    row === undefined ? undefined : { program: row.program, otherClient: row.otherClient },
    difference,
    `docs/registries.md must have: ${wanted}\n${details}`
  )
  assert.notStrictEqual(row?.reason, "...", "the row has no reason")
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
          const { kubeletRows, outcomes, goContainerRegistryRows } = yield* Played
          const both = outcomes.get(name)
          assert.isDefined(both)
          const { kubelet, program, goContainerRegistry } = both
          assert.notMatch(program.error, /^500/, "a refusal must not be an internal error")
          const details = `program: ${program.error}\ngo-containerregistry: ${goContainerRegistry.error}`
          assertDocumented({
            name,
            rows: goContainerRegistryRows,
            details,
            difference: Comparison.differenceOf(program, goContainerRegistry)
          })
          if (kubelet !== undefined)
            assertDocumented({
              name,
              rows: kubeletRows,
              details: `program: ${program.error}\nkubelet: ${kubelet.error}`,
              difference: Comparison.differenceOfCredentials(program, kubelet)
            })
        })
      )
    }

    it.effect("the docs have no row without a difference", () =>
      Effect.gen(function* () {
        const { kubeletRows, goContainerRegistryRows } = yield* Played
        const names = all.map(({ name }) => name)
        assert.deepStrictEqual(
          [...unusedRows(goContainerRegistryRows, names), ...unusedRows(kubeletRows, names)],
          []
        )
      })
    )
  }
)

/**
 * Asserts that registry-packages-proxy and Go's golang.org/x/net/http/httpproxy make the same choice (direct, proxied
 * or invalid) for each URL in `NoProxy.testedUrls`, with each of these NO_PROXY values.
 */
const assertSameRoutes = Effect.fnUntraced(function* (values: ReadonlyArray<string>) {
  const { testedUrls: urls } = NoProxy
  const answers = yield* Oracle.ask(values.map((noProxy) => ({ routes: { noProxy, urls } })))
  values.forEach((noProxy, index) => {
    const show = (routes: ReadonlyArray<Oracle.Route> = []) =>
      routes.map((route, at) => `${urls[at]}: ${route}`)
    assert.deepStrictEqual(
      show(NoProxy.routesOfProgram(noProxy, urls)),
      show(answers[index]?.routes),
      `NO_PROXY=${noProxy}`
    )
  })
})

layer(layerPrograms, layerOptions)(
  "The program reads NO_PROXY like httpproxy, or the docs say why not:",
  (it) => {
    it.effect("random values, for every kind of server", () =>
      assertSameRoutes(fc.sample(NoProxy.noProxyValues, 3000))
    )

    for (const each of NoProxy.deliberateDifferences) {
      const name = NoProxy.nameOf(each)
      it.effect(name, () =>
        Effect.gen(function* () {
          const rows = yield* DifferenceTable.readRows("httpproxy")
          const [answer] = yield* Oracle.ask([{ routes: { noProxy: each.noProxy, urls: [each.url] } }])
          const [[program = ""], [otherClient = ""] = []] = [
            NoProxy.routesOfProgram(each.noProxy, [each.url]),
            answer?.routes
          ]
          assertDocumented({
            name,
            rows,
            details: "",
            difference: program === otherClient ? undefined : { program, otherClient }
          })
        })
      )
    }

    it.effect("the docs have no row without a difference", () =>
      Effect.gen(function* () {
        const rows = yield* DifferenceTable.readRows("httpproxy")
        assert.deepStrictEqual(unusedRows(rows, NoProxy.deliberateDifferences.map(NoProxy.nameOf)), [])
      })
    )
  }
)
