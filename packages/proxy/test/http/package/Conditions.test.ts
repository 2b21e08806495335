import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Conditions from "../../../src/http/package/Conditions.ts"

const size = 1000

describe("parseRange", () => {
  it("parses one range of bytes", () => {
    assert.deepStrictEqual(Conditions.parseRange("bytes=0-0", size), { start: 0, end: 1 })
    assert.deepStrictEqual(Conditions.parseRange("bytes=10-19", size), { start: 10, end: 20 })
    assert.deepStrictEqual(Conditions.parseRange("bytes=990-", size), { start: 990, end: 1000 })
    assert.deepStrictEqual(Conditions.parseRange("bytes=-10", size), { start: 990, end: 1000 })
    assert.deepStrictEqual(Conditions.parseRange("BYTES=5-5", size), { start: 5, end: 6 })
  })

  it("cuts a range at the end of the package", () => {
    assert.deepStrictEqual(Conditions.parseRange("bytes=900-99999999999999999999", size), {
      start: 900,
      end: 1000
    })
    assert.deepStrictEqual(Conditions.parseRange("bytes=-5000", size), { start: 0, end: 1000 })
  })

  it("reports a range outside of the package", () => {
    for (const header of ["bytes=1000-", "bytes=1000-1001", "bytes=-0"]) {
      assert.strictEqual(Conditions.parseRange(header, size), "unsatisfiable")
    }
    assert.strictEqual(Conditions.parseRange("bytes=0-", 0), "unsatisfiable")
    assert.strictEqual(Conditions.parseRange("bytes=-1", 0), "unsatisfiable")
  })

  it("ignores several ranges, reversed and malformed ones, and other units", () => {
    for (const header of [
      "bytes=0-1,5-6",
      "bytes=5-1",
      "bytes=",
      "bytes=-",
      "bytes=a-b",
      "items=0-1",
      "0-1",
      "bytes 0-1"
    ]) {
      assert.strictEqual(Conditions.parseRange(header, size), undefined)
    }
  })

  it("gives a range within the package, or none, for any header", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`)
        ),
        fc.nat(),
        (header, size) => {
          const range = Conditions.parseRange(header, size)
          if (range === undefined || range === "unsatisfiable") return
          assert.isTrue(0 <= range.start && range.start < range.end && range.end <= size)
        }
      )
    )
  })
})

describe("ifNoneMatch", () => {
  const etag = '"sha256:abc"'

  it("matches the tag, also weak or in a list, and *", () => {
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, "*", " * "]) {
      assert.isTrue(Conditions.ifNoneMatch(header, etag))
    }
  })

  it("does not match other tags, unquoted tags, or * in a list", () => {
    for (const header of ['"x"', "sha256:abc", "", '"sha256:abc', `*, "x"`]) {
      assert.isFalse(Conditions.ifNoneMatch(header, etag))
    }
  })
})

describe("ifRange", () => {
  it("compares strongly, and matches no date", () => {
    const etag = '"sha256:abc"'
    assert.isTrue(Conditions.ifRange(undefined, etag))
    assert.isTrue(Conditions.ifRange(etag, etag))
    assert.isFalse(Conditions.ifRange(`W/${etag}`, etag))
    assert.isFalse(Conditions.ifRange("Sun, 22 Nov 2026 00:00:00 GMT", etag))
  })
})
