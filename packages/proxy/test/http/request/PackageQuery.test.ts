import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Option, Result } from "effect"
import * as PackageQuery from "../../../src/http/request/PackageQuery.ts"

const digest = `sha256:${"a".repeat(64)}`

const refusal = (query: string): string => {
  const problem = Result.getOrThrow(Result.flip(PackageQuery.parse(query)))
  assert.strictEqual(problem.status, 400)
  return problem.detail
}

describe("PackageQuery", () => {
  it("treats empty and absent parameters equally, and __default__ as an empty repository", () => {
    for (const query of [
      `digest=${digest}`,
      `digest=${digest}&repository=&path=`,
      `digest=${digest}&repository=__default__&path=`,
      `path=/&digest=${digest}&other=1`
    ]) {
      assert.deepStrictEqual(Result.getOrThrow(PackageQuery.parse(query)), {
        manifestDigest: digest,
        repository: Option.none(),
        path: ""
      } as never)
    }
  })

  it("decodes escaped values, and accepts paths with leading and trailing slashes", () => {
    const query = Result.getOrThrow(
      PackageQuery.parse(`digest=${encodeURIComponent(digest)}&repository=r.io%3A5000%2Fa%2Fb&path=%2Fc/d/`)
    )
    assert.deepStrictEqual(query, {
      manifestDigest: digest,
      repository: Option.some("r.io:5000/a/b"),
      path: "c/d"
    } as never)
  })

  it("refuses a missing or malformed digest", () => {
    assert.include(refusal(""), "missing")
    assert.include(refusal("digest="), "missing")
    for (const bad of [
      "sha256:abc",
      digest.toUpperCase(),
      `${digest}0`,
      `md5:${"a".repeat(32)}`,
      ` ${digest}`
    ]) {
      assert.include(refusal(`digest=${encodeURIComponent(bad)}`), "malformed")
    }
  })

  it("refuses a repeated parameter, also with the same value", () => {
    assert.include(refusal(`digest=${digest}&digest=${digest}`), "digest is given more than once")
    assert.include(refusal(`digest=${digest}&path=a&path=`), "path is given more than once")
  })

  it("refuses malformed repositories", () => {
    assert.include(refusal(`digest=${digest}&repository=${"a".repeat(513)}`), "512 bytes")
    for (const bad of [
      "host",
      "/name",
      "host/",
      "https://host/name",
      "host:0/name",
      "host/NAME",
      "a b/c",
      "host/a//b"
    ]) {
      assert.include(refusal(`digest=${digest}&repository=${encodeURIComponent(bad)}`), "malformed")
    }
  })

  it("refuses malformed paths", () => {
    for (const bad of ["..", "a/../b", "a//b", "A", "a b", "%00", "a".repeat(256)]) {
      assert.include(refusal(`digest=${digest}&path=${encodeURIComponent(bad)}`), "path")
    }
  })

  it("never throws, and never repeats the query in its message", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const parsed = PackageQuery.parse(`digest=${text}`)
        if (Result.isFailure(parsed) && text.length > 40) assert.notInclude(parsed.failure.detail, text)
      })
    )
  })
})
