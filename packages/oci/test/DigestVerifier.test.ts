import { assert, describe, it } from "@effect/vitest"
import { digestOf, DigestVerifier } from "@registry-packages-proxy/oci/DigestVerifier"
import fc from "fast-check"
import { anyBytes } from "@registry-packages-proxy/testkit/arbitraries/OciText"

const algorithms = fc.constantFrom("sha256" as const, "sha512" as const)

describe("DigestVerifier", () => {
  it("matches the expected bytes, whatever the sizes of their chunks", () => {
    fc.assert(
      fc.property(anyBytes, fc.array(fc.nat(200), { maxLength: 5 }), algorithms, (bytes, cuts, using) => {
        const verifier = new DigestVerifier({ digest: digestOf(bytes, using), size: bytes.length })
        let from = 0
        for (const cut of [...cuts, bytes.length]) {
          verifier.update(bytes.subarray(from, Math.max(from, Math.min(bytes.length, from + cut))))
          from = Math.min(bytes.length, from + cut)
        }
        assert.isTrue(verifier.matches())
        assert.isTrue(verifier.matches(), "called again")
        assert.strictEqual(verifier.length, bytes.length)
        assert.strictEqual(verifier.digestSoFar(), digestOf(bytes, using))
        assert.isFalse(verifier.overflowed)
      })
    )
  })

  it("does not match if one byte differs, is missing, or is added", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(63), (bytes, at) => {
        const expected = { digest: digestOf(bytes), size: bytes.length }
        const index = at % bytes.length
        const changed = Uint8Array.from(bytes, (byte, position) => (position === index ? byte ^ 1 : byte))
        for (const wrong of [changed, bytes.subarray(1), new Uint8Array([...bytes, 0])]) {
          const verifier = new DigestVerifier(expected)
          verifier.update(wrong)
          assert.isFalse(verifier.matches())
          assert.strictEqual(verifier.overflowed, wrong.length > bytes.length)
        }
      })
    )
  })

  it("does not match a right digest with a wrong size", () => {
    const bytes = new Uint8Array([1, 2, 3])
    const verifier = new DigestVerifier({ digest: digestOf(bytes), size: 4 })
    verifier.update(bytes)
    assert.strictEqual(verifier.digestSoFar(), verifier.digest)
    assert.isFalse(verifier.matches())
  })

  it("a copy is independent of the original", () => {
    const bytes = new TextEncoder().encode("verified while it streams")
    const original = new DigestVerifier({ digest: digestOf(bytes), size: bytes.length })
    original.update(bytes.subarray(0, 10))
    const copy = original.copy()
    original.update(new Uint8Array(100))
    assert.isTrue(original.overflowed)
    copy.update(bytes.subarray(10))
    assert.isTrue(copy.matches())
    assert.isFalse(original.matches())
  })

  it("the digest of an empty blob is the well-known one", () => {
    const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert.strictEqual(digestOf(new Uint8Array()), empty)
    assert.isTrue(new DigestVerifier({ digest: digestOf(new Uint8Array()), size: 0 }).matches())
  })
})
