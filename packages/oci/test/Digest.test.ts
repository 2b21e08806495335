import { assert, describe, it } from "@effect/vitest"
import * as Digest from "@registry-packages-proxy/oci/Digest"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"
import fc from "fast-check"

describe("Digest", () => {
  it("consists of its algorithm and its encoded part", () => {
    fc.assert(
      fc.property(arbitrary.digest, (text) => {
        const digest = Digest.Digest.make(text)
        assert.strictEqual(`${Digest.algorithm(digest)}:${Digest.encoded(digest)}`, text)
        assert.isTrue(text.startsWith(Digest.shortDigest(digest)))
      })
    )
  })

  it.each([
    "",
    "sha256:",
    `sha256:${"a".repeat(63)}`,
    `sha256:${"a".repeat(65)}`,
    `sha256:${"A".repeat(64)}`,
    `SHA256:${"a".repeat(64)}`,
    `sha512:${"a".repeat(64)}`,
    `sha384:${"a".repeat(96)}`,
    ` sha256:${"a".repeat(64)}`,
    `sha256:${"a".repeat(64)}\n`,
    `sha256:${"a".repeat(63)}/`,
    `x\nsha256:${"a".repeat(64)}`
  ])("%j is not a digest", (text) => assert.isFalse(Digest.isDigest(text)))

  it("never throws, whatever the text", () => {
    fc.assert(fc.property(arbitrary.anyText, (text) => void Digest.isDigest(text)))
  })
})
