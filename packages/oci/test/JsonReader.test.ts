import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { container, JsonReader, maxDepth, NotJson } from "../src/internal/JsonReader.ts"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"

const reader = (text: string | Uint8Array) =>
  new JsonReader(typeof text === "string" ? Buffer.from(text) : text)

const isJson = (text: string | Uint8Array): boolean => {
  try {
    const json = reader(text)
    json.skip()
    json.end()
    return true
  } catch (error) {
    assert.instanceOf(error, NotJson)
    return false
  }
}

const isJsonToNode = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Reads an object and returns the value of `key`. If the key occurs more than once, returns its last value. */
const valueUnder = (text: string, key: string): unknown => {
  const json = reader(text)
  return json.at(json.fields([key])[key], () => json.scalar())
}

describe("JsonReader", () => {
  it("accepts exactly the texts that JSON.parse accepts", () => {
    const nearly = fc
      .tuple(
        fc.json(),
        fc.nat(400),
        fc.constantFrom("", ",", '"', "]", "}", "0", "-", ".", "e", "\\", "\n", "\t", "\u0001", "tru", " ")
      )
      .map(([text, place, piece]) => {
        const at = place % (text.length + 1)
        return text.slice(0, at) + piece + text.slice(at + (place % 2))
      })
    fc.assert(
      fc.property(fc.oneof(fc.json(), nearly, arbitrary.anyText), (text) => {
        assert.strictEqual(isJson(text), isJsonToNode(text.toWellFormed()))
      }),
      { numRuns: 2000 }
    )
  })

  it.each([
    "",
    " ",
    "{",
    "[",
    "[1,]",
    "{,}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    "[1 2]",
    "]",
    "[}",
    '{"a":1]',
    "01",
    "-",
    "1.",
    ".1",
    "1e",
    "+1",
    "nul",
    "nullx",
    "True",
    "tRUE",
    '"',
    '"\\',
    '"\\x"',
    '"\\u12"',
    '"\\u123g"',
    '"\n"',
    "1 1",
    "{} x",
    "\ufeff\ufeff1"
  ])("%j is not JSON", (text) => assert.isFalse(isJson(text)))

  it.each([
    "0",
    "-0",
    "1e400",
    "9".repeat(1000),
    '"\\ud800"',
    '"\\u00e9\\/"',
    " [ ] ",
    "{ }",
    "\ufeff{}",
    "[[],{}]"
  ])("%j is JSON", (text) => assert.isTrue(isJson(text)))

  it("accepts bytes that are not UTF-8 only in strings, as Go does", () => {
    assert.isTrue(isJson(Buffer.from([0x22, 0xff, 0xc3, 0x22])))
    assert.isFalse(isJson(Buffer.from([0x5b, 0xff, 0x5d])))
  })

  it.each([
    ["[", "]"],
    ['{"a":', "}"],
    ['[{"a":', "}]"]
  ])("accepts %j nested as deep as Go does, and no deeper", (open, close) => {
    const levels = (open.match(/[[{]/g) ?? []).length
    const deep = (depth: number) => open.repeat(depth / levels) + "1" + close.repeat(depth / levels)
    assert.isTrue(isJson(deep(maxDepth)))
    assert.isFalse(isJson(deep(maxDepth + levels)))
    assert.isFalse(isJson(open.repeat(1_000_000)))
    const inside = reader(`{"a":${deep(maxDepth)}}`)
    assert.throws(() => inside.fields(["a"]), NotJson)
  })

  it("finds the last value of a key, in any case and with escapes", () => {
    assert.strictEqual(valueUnder('{"Layers":1}', "layers"), 1)
    assert.strictEqual(valueUnder('{"l\\u0061yers":1}', "layers"), 1)
    assert.strictEqual(valueUnder('{"\\u004CA\\u0059ers":1}', "layers"), 1)
    for (const other of [
      "l\\u0062yers",
      "layers\\u0000",
      "\\nlayers",
      "layer\\\\",
      "layer",
      "\\u006c",
      "la\\/yers",
      "läyers"
    ]) {
      assert.strictEqual(valueUnder(`{"${other}":1}`, "layers"), undefined, other)
    }
    assert.strictEqual(valueUnder('{"layers":1,"LAYERS":2,"layer":3,"layerss":4,"layerz":5}', "layers"), 2)
    assert.strictEqual(valueUnder('{"os.features":1}', "os.features"), 1)
    assert.strictEqual(
      valueUnder('{"os\u000efeatures":1}'.replace("\u000e", "\\u000e"), "os.features"),
      undefined
    )
    assert.strictEqual(valueUnder(`{"${"\\u006c".repeat(1000)}":1}`, "layers"), undefined)
    assert.strictEqual(valueUnder("{}", "layers"), undefined)
  })

  it("reads scalars as JSON.parse does, and containers as a symbol", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom("", " ", "\n\t"), (value, blank) => {
        const text = `{"a":${blank}${JSON.stringify(value)}${blank},"b":0}`
        const expected =
          typeof value === "object" && value !== null
            ? container
            : (JSON.parse(JSON.stringify(value)) as unknown)
        assert.deepStrictEqual(valueUnder(text, "a"), expected)
      })
    )
  })

  it("reads at an earlier position and returns to the current one", () => {
    const json = reader('{"a":[1,{"b":"x"},3],"c":4}')
    const { a, c } = json.fields(["a", "c"])
    json.end()
    const elements: Array<unknown> = []
    json.at(a, () => json.array((position) => elements.push(json.at(position, () => json.scalar()))))
    assert.deepStrictEqual(elements, [1, container, 3])
    assert.strictEqual(
      json.at(c, () => json.scalar()),
      4
    )
    assert.isUndefined(json.at(undefined, () => json.scalar()))
    json.end()
  })

  it("tells objects, arrays and empty arrays apart without reading them", () => {
    for (const [text, isObject, isArray, isEmptyArray] of [
      [" {}", true, false, false],
      [" []", false, true, true],
      [" [ ]", false, true, true],
      [" [0]", false, true, false],
      [" 0", false, false, false],
      ["", false, false, false]
    ] as const) {
      const json = reader(text)
      assert.deepStrictEqual(
        [json.isObject, json.isArray, json.isEmptyArray],
        [isObject, isArray, isEmptyArray]
      )
    }
  })

  it("throws if an object is read as an array, or an array as an object", () => {
    assert.throws(() => reader("[]").fields([]), NotJson)
    assert.throws(() => reader("{}").array(() => {}), NotJson)
    assert.throws(() => reader("").fields([]), NotJson)
  })
})
