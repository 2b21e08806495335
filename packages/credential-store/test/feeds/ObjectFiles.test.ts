import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { maxObjects, parse } from "../../src/feeds/ObjectFiles.ts"

const objects = (text: string) => Effect.map(parse(text), Result.getOrThrow)
const problem = (text: string) => Effect.map(parse(text), (parsed) => Result.getOrThrow(Result.flip(parsed)))

const a = { apiVersion: "v1", kind: "A", metadata: { name: "a" } }
const b = { apiVersion: "v1", kind: "B" }

describe("ObjectFiles", () => {
  it.effect(
    "parses a single object, in JSON and in YAML",
    Effect.fn(function* () {
      assert.deepStrictEqual(yield* objects(JSON.stringify(a)), [a])
      assert.deepStrictEqual(yield* objects("apiVersion: v1\nkind: A\nmetadata:\n  name: a\n"), [a])
      assert.deepStrictEqual(yield* objects("{apiVersion: v1, kind: B}"), [b])
    })
  )

  it.effect(
    "parses many documents, without empty ones",
    Effect.fn(function* () {
      assert.deepStrictEqual(
        yield* objects(
          '---\n---\napiVersion: v1\nkind: B\n---\n# none\n---\n{"apiVersion":"v1","kind":"B"}\n...\n'
        ),
        [b, b]
      )
    })
  )

  it.effect(
    "parses lists and arrays; the items of a typed list have its kind",
    Effect.fn(function* () {
      assert.deepStrictEqual(
        yield* objects(JSON.stringify({ apiVersion: "v1", kind: "List", items: [a, b] })),
        [a, b]
      )
      assert.deepStrictEqual(yield* objects(JSON.stringify([a, b])), [a, b])
      assert.deepStrictEqual(
        yield* objects(
          JSON.stringify({ apiVersion: "v1", kind: "SecretList", items: [{ data: {} }, { kind: "Other" }] })
        ),
        [
          { apiVersion: "v1", kind: "Secret", data: {} },
          { apiVersion: "v1", kind: "Other" }
        ]
      )
      assert.deepStrictEqual(yield* objects("apiVersion: v1\nkind: List\nitems: []\n"), [])
      assert.deepStrictEqual(yield* objects("apiVersion: v1\nkind: List\nitems:\n"), [])
      assert.deepStrictEqual(yield* objects("apiVersion: v1\nkind: List\n"), [])
      assert.deepStrictEqual(yield* objects("[]"), [])
    })
  )

  it.effect(
    "parses nested lists, in order",
    Effect.fn(function* () {
      const listOf = (...items: ReadonlyArray<unknown>) => ({ apiVersion: "v1", kind: "List", items })
      const nested = listOf(a, listOf(b, listOf(), listOf(a)), [b, [a]])
      assert.deepStrictEqual(yield* objects(JSON.stringify(nested)), [a, b, a, b, a])
      assert.deepStrictEqual(yield* objects(JSON.stringify([nested, b])), [a, b, a, b, a, b])
    })
  )

  it.effect(
    "returns items that are not objects, so that the store can log them",
    Effect.fn(function* () {
      const listOf = (...items: ReadonlyArray<unknown>) => ({ apiVersion: "v1", kind: "List", items })
      const odd = ["text", 7, null, {}, { kind: "List", items: 7 }]
      assert.deepEqual<unknown>(yield* objects(JSON.stringify(listOf(...odd, a))), [...odd, a])
      assert.deepEqual<unknown>(yield* objects(`text\n---\n${JSON.stringify(a)}\n---\n7\n`), ["text", a, 7])
    })
  )

  it.effect(
    "refuses more objects than maxObjects",
    Effect.fn(function* () {
      const items = (count: number) => Array.from({ length: count }, () => b)
      const list = (count: number) => JSON.stringify({ kind: "List", items: items(count) })
      assert.lengthOf(yield* objects(list(maxObjects - 1)), maxObjects - 1)
      assert.strictEqual(yield* problem(list(maxObjects)), "it holds more than 5000 objects")
      assert.include(
        yield* problem(`{"kind":"SecretList","items":[${"{},".repeat(500_000)}0]}`),
        "more than 5000"
      )
      assert.include(yield* problem(`[${'{"kind":"List"},'.repeat(20_000)}0]`), "more than 5000")
    })
  )

  it.effect(
    "parses anchors, aliases and merge keys",
    Effect.fn(function* () {
      assert.deepStrictEqual(yield* objects("- &x {apiVersion: v1, kind: A}\n- <<: *x\n  kind: B\n"), [
        { apiVersion: "v1", kind: "A" },
        { apiVersion: "v1", kind: "B" }
      ])
    })
  )

  it.effect.each(["", " \n\t", "---\n", "# only a comment\n", "null", "---\n...\n---\n"])(
    "treats %j as empty",
    (text) => Effect.map(problem(text), (detail) => assert.strictEqual(detail, "it is empty"))
  )

  it.effect.each([
    "text",
    "42",
    "true",
    '"{}"',
    "apiVersion: v1\n---\ntext",
    "apiVersion: v1",
    "[1, null]",
    "replicas: 1\n---\nkind: [A]"
  ])("refuses %j, which has no object", (text) =>
    Effect.map(problem(text), (detail) => assert.include(detail, "does not hold Kubernetes objects"))
  )

  it.effect(
    "names the line of invalid YAML, and shows none of the text",
    Effect.fn(function* () {
      const detail = yield* problem('apiVersion: v1\npassword: "s3cr3t\n other: [\n')
      assert.match(detail, /^line \d+ is not valid YAML$/)
      assert.notInclude(yield* problem("a: s3cr3t: s3cr3t\n"), "s3cr3t")
      assert.include(yield* problem('{"a": "s3cr3t'), "is not valid YAML")
    })
  )

  it.effect.each(["[", "{", '{"a":', "- ", "? ", "[{", "!!set {", "&a [*a,"])(
    "does not crash on %j nested ten thousand times",
    (opening) => Effect.map(parse(opening.repeat(10_000)), (parsed) => assert.isTrue(Result.isResult(parsed)))
  )

  it.effect.prop("never throws, whatever the text", [Schema.String], ([text]) =>
    Effect.map(parse(text), (parsed) => assert.isTrue(Result.isResult(parsed)))
  )
})
