import { assert, describe, it } from "@effect/vitest"
import * as Registry from "@registry-packages-proxy/registry-client/RegistryError"
import { fromPullError } from "../../../src/http/package/ErrorProblems.ts"
import { failures } from "../Failures.ts"

describe("a failure's detail", () => {
  for (const [what, failure, advice] of failures) {
    it(`says what to do in its first 200 bytes, whatever it names: ${what}`, () => {
      const { detail } = fromPullError(failure)
      assert.include(Buffer.from(detail).subarray(0, 200).toString(), advice)
      assert.isBelow(Buffer.byteLength(detail), 2048)
    })
  }

  it("names the registry once if its own connection failed", () => {
    const reason = new Registry.ConnectionFailed({ kind: "dns", detail: "registry.test: no such name" })
    assert.strictEqual(
      fromPullError(new Registry.RegistryError({ registry: "registry.test", reason })).detail,
      "Check the registry's name and this node's DNS: pulling from registry.test failed: no such name."
    )
  })
})
