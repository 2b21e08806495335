import { assert, describe, it } from "@effect/vitest"
import { packages } from "@registry-packages-proxy/testkit/access-control/AccessControlSuite"
import * as ResourceRule from "../src/ResourceRule.ts"

describe("ResourceRule", () => {
  it("rejects empty parts and wildcards", () => {
    for (const part of Object.keys(packages) as ReadonlyArray<keyof typeof packages>) {
      for (const value of ["", "*", " ", "a*", "../x", "UPPER", "a b"]) {
        assert.throws(() => ResourceRule.make({ ...packages, [part]: value }))
      }
    }
  })

  it("requires branded parts", () => {
    // @ts-expect-error -- a plain string is not a RulePart
    const rule: ResourceRule.ResourceRule = { ...packages, name: "" }
    assert.strictEqual(rule.name, "")
  })
})
