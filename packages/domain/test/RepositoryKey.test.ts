import { assert, describe, it } from "@effect/vitest"
import * as RepositoryKey from "@registry-packages-proxy/domain/RepositoryKey"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"
import { Option } from "effect"
import fc from "fast-check"

describe("RepositoryKey", () => {
  it("is split into its host and name, without slashes at its end", () => {
    fc.assert(
      fc.property(arbitrary.registryHost, arbitrary.repositoryName, fc.nat(2), (host, name, slashes) => {
        const key = Option.getOrThrow(RepositoryKey.parse(`${host}/${name}${"/".repeat(slashes)}`))
        assert.deepEqual<unknown>(RepositoryKey.split(key), { host, name })
      })
    )
  })

  it.each([
    "",
    "a",
    "a/",
    "/a",
    "a.example.com",
    "https://a/b",
    "a/B",
    "a//b",
    "a/b//c/",
    "a b/c",
    `a/${"b".repeat(511)}`,
    `a/${"b".repeat(256)}`
  ])("%j is not a repository key", (text) => assert.isTrue(Option.isNone(RepositoryKey.parse(text))))

  it("never throws, whatever the text", () => {
    fc.assert(fc.property(arbitrary.anyText, (text) => void RepositoryKey.parse(text)))
  })
})
