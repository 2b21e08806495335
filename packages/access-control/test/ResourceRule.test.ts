import { assert, describe, it } from "@effect/vitest"
import { packagesRule } from "@registry-packages-proxy/testkit/access-control/AccessControlSuite"
import * as ResourceRule from "../src/ResourceRule.ts"

describe("ResourceRule", () => {
  it("rejects empty parts and wildcards", () => {
    for (const part of Object.keys(packagesRule) as ReadonlyArray<keyof typeof packagesRule>) {
      for (const value of ["", "*", " ", "a*", "../x", "UPPER", "a b"]) {
        assert.throws(() => ResourceRule.make({ ...packagesRule, [part]: value }))
      }
    }
  })

  it("requires branded parts", () => {
    // @ts-expect-error -- a plain string is not a RulePart
    const rule: ResourceRule.ResourceRule = { ...packagesRule, name: "" }
    assert.strictEqual(rule.name, "")
  })
})
