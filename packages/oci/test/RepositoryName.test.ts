import { assert, describe, it } from "@effect/vitest"
import * as RepositoryName from "@registry-packages-proxy/oci/RepositoryName"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"
import { Option, Schema } from "effect"
import fc from "fast-check"

const isName = Schema.is(RepositoryName.RepositoryName)

describe("RepositoryName", () => {
  it("accepts every name of OCI components; parsePath drops the slashes around it", () => {
    fc.assert(
      fc.property(arbitrary.repositoryName, fc.nat(3), fc.nat(3), (name, before, after) => {
        assert.isTrue(isName(name), name)
        const path = RepositoryName.parsePath("/".repeat(before) + name + "/".repeat(after))
        assert.strictEqual(Option.getOrThrow(path), name)
      })
    )
  })

  it.each([
    "",
    "/",
    "a//b",
    "/a",
    "a/",
    "A",
    "a..b",
    "a___b",
    "-a",
    "a-",
    "a_",
    "a/../b",
    "..",
    ".",
    "a b",
    "a\n",
    "é",
    "a%2fb",
    "a".repeat(256)
  ])("%j is not a repository name", (text) => assert.isFalse(isName(text)))

  it("parsePath - accepts an empty path, and refuses one that is not made of components", () => {
    for (const path of ["", "/", "///"])
      assert.deepStrictEqual(
        RepositoryName.parsePath(path),
        Option.some(RepositoryName.PathComponents.make(""))
      )
    for (const path of ["a//b", "../a", "A", "a ", "a?b"])
      assert.isTrue(Option.isNone(RepositoryName.parsePath(path)))
    assert.isTrue(Option.isNone(RepositoryName.parsePath("/".repeat(1_000_000) + ".")))
  })

  it("join - returns the name at a path; none if the name is empty or longer than 255 characters", () => {
    const path = (text: string) => RepositoryName.PathComponents.make(text)
    assert.deepStrictEqual(
      RepositoryName.joinPath(path("a/b"), path("c")),
      Option.some(RepositoryName.RepositoryName.make("a/b/c"))
    )
    assert.deepStrictEqual(
      RepositoryName.joinPath(path("a"), path("")),
      Option.some(RepositoryName.RepositoryName.make("a"))
    )
    assert.deepStrictEqual(
      RepositoryName.joinPath(path(""), path("a")),
      Option.some(RepositoryName.RepositoryName.make("a"))
    )
    assert.isTrue(Option.isNone(RepositoryName.joinPath(path(""), path(""))))
    assert.isTrue(Option.isSome(RepositoryName.joinPath(path("a".repeat(127)), path("b".repeat(127)))))
    assert.isTrue(Option.isNone(RepositoryName.joinPath(path("a".repeat(128)), path("b".repeat(127)))))
  })

  it("never throws, whatever the text", () => {
    fc.assert(fc.property(arbitrary.anyText, (text) => void [isName(text), RepositoryName.parsePath(text)]))
  })
})
