import { Metric } from "effect"
import { assert, describe, it } from "vitest"
import { flags } from "../packages/proxy/src/config/Flags.ts"
import { routes } from "../packages/proxy/src/http/request/Routes.ts"
import {
  accessTable,
  exportMetrics,
  flagTable,
  metricsOf,
  metricTable,
  replaceSections,
  routeTable,
  valueTable
} from "./GeneratedDocs.ts"

describe("generated docs", () => {
  it("replace the text between the markers only, and do not change it again", () => {
    const text =
      "a\n<!-- x:start -->\nold | $& text\n<!-- x:end -->\nb\n<!-- y:start -->\nkept\n<!-- y:end -->\n"
    const once = replaceSections(text, { x: "new $& $1" })
    assert.strictEqual(
      once,
      "a\n<!-- x:start -->\n\nnew $& $1\n\n<!-- x:end -->\nb\n<!-- y:start -->\nkept\n<!-- y:end -->\n"
    )
    assert.strictEqual(replaceSections(once, { x: "new $& $1" }), once)
  })

  it("list every flag with its default and meaning, and below the table its variable and accepted values", () => {
    const lines = flagTable(Object.values(flags)).split("\n")
    const rows = lines.filter((line) => line.startsWith("| `--"))
    const items = lines.filter((line) => line.startsWith("- `--"))
    assert.deepStrictEqual(
      [rows.length, items.length],
      [Object.keys(flags).length, Object.keys(flags).length]
    )
    assert.match(rows[0] ?? "", /^\| `--listen-address ADDRESS` \| `127\.0\.0\.1:5080` \| [^|]+ \|$/)
    assert.isTrue(
      items[0]?.startsWith("- `--listen-address`, `REGISTRY_PACKAGES_PROXY_LISTEN_ADDRESS`: "),
      items[0]
    )
    assert.include(lines.join(" "), "Accepts 1.2 or 1.3.")
    assert.isTrue(rows.every((row) => row.split(/(?<!\\)\|/).length === 5))
  })

  it("have a value's first sentence in the table, and the others below it", () => {
    const values = [{ path: "a.b", default: null, description: "One thing. `null`: another. Third." }]
    assert.strictEqual(
      valueTable(values),
      "| Value | Default | Meaning |\n| --- | --- | --- |\n| `a.b` | `null` | One thing. |\n\n- `a.b`: `null`: another. Third."
    )
  })

  it("list every path with its response and the right it needs", () => {
    const all = Object.values(routes)
    const rows = [routeTable(all), accessTable(all)].map((table) => table.split("\n").slice(2))
    assert.deepStrictEqual(
      rows.map((rows) => rows.map((row) => /\/[\w/]+/.exec(row)?.[0])),
      [all.map(({ path }) => path), [...all.map(({ path }) => path), undefined]]
    )
    assert.include(
      accessTable([routes.metrics]),
      "| `/metrics` | `get` on `deployments.apps/prometheus-metrics` | `registry-packages-proxy`,"
    )
  })

  it("list metrics by name, in whatever form they are exported", () => {
    const gauge = Metric.gauge("b_gauge", { description: "A | B" })
    const counter = Metric.counter("a_total", { description: "C" })
    const source = 'Metric.gauge("b_gauge") Metric.counter("a_total")'
    const metrics = metricsOf("Metrics.ts", source, {
      gauge,
      again: gauge,
      all: { x: [counter] },
      f: () => counter
    })
    assert.strictEqual(
      metricTable(metrics),
      [
        "| Metric | Type | Meaning |",
        "| --- | --- | --- |",
        "| `a_total` | counter | C |",
        "| `b_gauge` | gauge | A \\| B |"
      ].join("\n")
    )
  })

  it("refuse a module with a metric that they cannot find", () => {
    assert.throws(
      () => metricsOf("Metrics.ts", 'Metric.counter("a")', {}),
      /Metrics\.ts declares 1 metrics and 0 are found/
    )
  })

  it("find metrics that a module does not export", () => {
    const source = 'const a = Metric.gauge(`a`)\nexport const b = Metric.counter("b", {})\nconst c = 1'
    assert.isTrue(exportMetrics(source).endsWith("\nexport const declaredMetrics = [a, b]\n"))
  })
})
