import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { load } from "js-yaml"
import { readFileSync } from "node:fs"
import * as Chart from "../src/Chart.ts"
import { findDocumentedValues } from "../src/DocumentedValues.ts"
import { invalidValues } from "../src/InvalidValues.ts"

type Tree = Readonly<Record<string, unknown>>

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const defaults = load(Chart.readValues()) as Tree
const schema = Chart.readSchema() as Tree
// The schema's patterns have the form `words$^|pattern`. `words$^` matches nothing, but helm's error shows the words.
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema)

/** Returns a copy of `tree` in which the value at the given path is replaced. */
const withValue = (tree: Tree, [key = "", ...rest]: ReadonlyArray<string>, value: unknown): Tree => {
  const inner = tree[key]
  return { ...tree, [key]: rest.length === 0 ? value : withValue(isTree(inner) ? inner : {}, rest, value) }
}

/**
 * Returns the paths of all values in the schema `node`. A path ends at a schema without `properties`, such as a
 * reference to `$defs`.
 */
const propertiesOf = (node: Tree, path: ReadonlyArray<string> = []): ReadonlyArray<string> => {
  const properties = node["properties"]
  if (!isTree(properties)) return [path.join(".")]
  return Object.entries(properties).flatMap(([key, inner]) => propertiesOf(inner as Tree, [...path, key]))
}

const isIn = (tree: unknown, path: string): boolean =>
  path
    .split(".")
    .reduce<{ readonly there: boolean; readonly at: unknown }>(
      ({ at, there }, key) =>
        there && isTree(at) && Object.hasOwn(at, key)
          ? { there, at: at[key] }
          : { there: false, at: undefined },
      { there: true, at: tree }
    ).there

describe("values.yaml", () => {
  it("conforms to the schema", () => {
    validate(defaults)
    assert.deepStrictEqual(validate.errors ?? [], [])
  })

  it("has exactly the values of the schema", () => {
    for (const path of propertiesOf(schema)) {
      if (path !== "global") assert.isTrue(isIn(defaults, path), path)
    }
  })

  it("describes each value", () => {
    const paths = findDocumentedValues(Chart.readValues()).map(({ path }) => path)
    for (const path of propertiesOf(schema)) {
      if (path === "global") continue
      assert.isTrue(
        paths.some((known) => path === known || path.startsWith(`${known}.`)),
        `${path} has no comment`
      )
    }
    for (const { description, path } of findDocumentedValues(Chart.readValues()))
      assert.match(description, /[.:`]$/, path)
  })

  it("accepts every OpenTelemetry variable of docs/telemetry.md, per signal too", () => {
    const page = readFileSync(new URL("../../../docs/telemetry.md", import.meta.url), "utf8")
    const names = Array.from(page.matchAll(/^\| `(OTEL_\w+)` \|/gm), ([, name = ""]) => name)
    assert.isAbove(names.length, 20)
    const ofSignals = names.flatMap((name) => {
      const [, rest] = /^OTEL_EXPORTER_OTLP_(?!METRICS_)(\w+)$/.exec(name) ?? []
      const signals = rest === undefined ? [] : ["TRACES", "METRICS", "LOGS"]
      return signals.map((signal) => `OTEL_EXPORTER_OTLP_${signal}_${rest}`)
    })
    const env = Object.fromEntries([...names, ...ofSignals].map((name) => [name, "x"]))
    validate(withValue(defaults, ["telemetry", "env"], env))
    assert.deepStrictEqual(validate.errors ?? [], [])
  })

  for (const { path, errorIncludes, value } of invalidValues) {
    it(`is rejected with ${path} ${JSON.stringify(value)}`, () => {
      assert.isFalse(validate(withValue(defaults, path.split("."), value)))
      const [, place] = /at '([^']*)'/.exec(errorIncludes) ?? []
      assert.include(
        (validate.errors ?? []).map(({ instancePath }) => instancePath),
        place
      )
    })
  }

  it("is documented by the comment directly above each value", () => {
    const text = "# about the file\n\na:\n  # first\n  # line\n  b: 1\n  c: 2\n# list\nd:\n  - e: 1\n"
    assert.deepStrictEqual(findDocumentedValues(text), [
      { path: "a.b", default: 1, description: "first line" },
      { path: "d", default: [{ e: 1 }], description: "list" }
    ])
  })
})
