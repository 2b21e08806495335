import { assert, describe, it } from "@effect/vitest"
import * as YamlText from "@registry-packages-proxy/kubernetes/YamlText"
import { Effect, Result, Schema } from "effect"

const documents = (text: string) =>
  Effect.map(
    Effect.promise(() => YamlText.parse(text)),
    Result.getOrThrow
  )
const problem = (text = "") =>
  Effect.map(
    Effect.promise(() => YamlText.parse(text)),
    (parsed) => Result.getOrThrow(Result.flip(parsed))
  )

const tooManyParts = "it is not JSON and has more than 200000 lines, items, commas and brackets"

describe("YamlText", () => {
  it.effect.each<[string, ReadonlyArray<unknown>]>([
    ['{"a":1}', [{ a: 1 }]],
    [" [1]", [[1]]],
    ['{"a":1,"a":2}', [{ a: 2 }]],
    ["{a: 1}", [{ a: 1 }]],
    ["a: 1\na: 2\n", [{ a: 2 }]],
    ["a: b\n---\n---\nc\n...\n", [{ a: "b" }, null, "c"]],
    ["", []],
    ["# only a comment\n", []],
    [
      "a: yes\nb: 010\nc: 2001-01-01\nd: ~\ne: 0o17\n",
      [{ a: "yes", b: 10, c: "2001-01-01", d: null, e: 15 }]
    ],
    [
      "- &x {a: 1, b: 2}\n- <<: *x\n  b: 3\n",
      [
        [
          { a: 1, b: 2 },
          { a: 1, b: 3 }
        ]
      ]
    ],
    [
      "a: !!binary YWJj\nb: !other c\nc: !other [1]\nd: !other {e: f}\n",
      [{ a: "YWJj", b: "c", c: [1], d: { e: "f" } }]
    ],
    ["%YAML 1.1\n---\na: |\n  b\n   c\n", [{ a: "b\n c\n" }]],
    ["1: a\nnull: b\n", [{ 1: "a", null: "b" }]]
  ])("%j holds %j", ([text, expected]) =>
    Effect.map(documents(text), (found) => assert.deepEqual<unknown>(found, expected))
  )

  it.effect(
    "parses keys such as __proto__ like any other key",
    Effect.fn(function* () {
      for (const text of ['{"__proto__": {"a": 1}}', "__proto__: {a: 1}\n", "<<: {__proto__: {a: 1}}\n"]) {
        const [found] = yield* documents(text)
        assert.deepStrictEqual(Object.keys(found as object), ["__proto__"])
        assert.isUndefined((found as Record<string, unknown>)["a"])
      }
    })
  )

  it.effect.each([
    ["a: b: s3cr3t", "line 1 is not valid YAML"],
    ["a: 1\nb: 's3cr3t", "line 2 is not valid YAML"],
    ['{"a": s3cr3t', "line 1 is not valid YAML"],
    ["a:\n  - *s3cr3t", "line 2 is not valid YAML"],
    ["? [s3cr3t]\n: b", "line 1 is not valid YAML"],
    ["a: !!int s3cr3t", "line 1 is not valid YAML"],
    ["<<: s3cr3t", "line 1 is not valid YAML"],
    ["a: \ud800", "line 1 is not valid YAML"],
    [`x\n---\n${"[".repeat(101)}`, "line 3 is nested more than 100 deep"],
    ["- ".repeat(101), "line 1 is nested more than 100 deep"],
    ["a: b\n".repeat(YamlText.maxParts + 1), tooManyParts],
    [`{a: [${"b,".repeat(YamlText.maxParts + 1)}]}`, tooManyParts],
    ["[]{}".repeat(YamlText.maxParts / 2 + 1), tooManyParts],
    // Texts with many values in few lines: 4 MiB of such a text would take more than 400 MiB of memory.
    [`${"- ".repeat(90)}a\n`.repeat(YamlText.maxParts / 90), tooManyParts],
    [`${": ".repeat(90)}a\n`.repeat(YamlText.maxParts / 90), tooManyParts],
    [`${"? ".repeat(90)}a\n`.repeat(YamlText.maxParts / 90), tooManyParts],
    ["--- a\n".repeat(YamlText.maxDocuments + 1), "it has more than 10000 YAML documents"],
    [`- &a x\n${"- *a\n".repeat(YamlText.maxAliases + 1)}`, "it has more than 10000 YAML aliases"],
    ["a: &a [*a]", "its YAML aliases make it too large"],
    [
      `- <<: {${Array.from({ length: 10_001 }, (_, key) => `k${key}: `).join(",")}}`,
      "line 1 is not valid YAML"
    ]
  ])("%#: reports the problem and its line, without quoting the text", ([text, expected]) =>
    Effect.map(problem(text), (detail) => assert.strictEqual(detail, expected))
  )

  it.effect(
    "expands aliases up to a size limit",
    Effect.fn(function* () {
      const aliased = (length: number) => `- &a "${"x".repeat(length)}"\n${"- *a\n".repeat(99)}`
      assert.lengthOf((yield* documents(aliased(80_000)))[0] as ReadonlyArray<unknown>, 100)
      assert.include(yield* problem(aliased(90_000)), "aliases make it too large")
      const bomb = "bcdefghijk"
        .split("")
        .map((key, index) => `${key}: &${key} [${Array(9).fill(`*${"abcdefghijk"[index]}`).join(",")}]\n`)
        .join("")
      assert.include(yield* problem(`a: &a [x,x,x,x,x,x,x,x,x]\n${bomb}`), "aliases make it too large")
    })
  )

  it.effect.each([
    "[",
    "{",
    '{"a":',
    "- ",
    "? ",
    "[{",
    "!!set {",
    "&a [*a,",
    "a:\n ",
    "\n",
    "#\n",
    ": ",
    "\r",
    "a\r"
  ])("survives %j a hundred thousand times", (opening) =>
    Effect.map(
      Effect.promise(() => YamlText.parse(opening.repeat(100_000))),
      (parsed) => assert.isTrue(Result.isResult(parsed))
    )
  )

  it.effect.prop("never rejects, whatever the text", [Schema.String], ([text]) =>
    Effect.map(
      Effect.promise(() => YamlText.parse(text)),
      (parsed) => assert.isTrue(Result.isResult(parsed))
    )
  )
})
