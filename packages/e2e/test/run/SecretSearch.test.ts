import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { find, minFormLength } from "../../src/run/SecretSearch.ts"

const secret = "e2e-secret+/7f3a=&"
const json = JSON.stringify({ auths: { host: { auth: Buffer.from(`user:${secret}`).toString("base64") } } })

const rows: ReadonlyArray<readonly [what: string, text: string]> = [
  ["itself", `before ${secret} after`],
  ["escaped for a URL", `?password=${encodeURIComponent(secret)}&more`],
  ["with a name, in base64", `Basic ${Buffer.from(`user:${secret}`).toString("base64")}`],
  ["in base64url", Buffer.from(`{"a":"${secret}"}`).toString("base64url")],
  ["in a docker config", json],
  ["in a docker config in base64", Buffer.from(json).toString("base64")],
  ["in hexadecimal", Buffer.from(secret).toString("hex")]
]

describe("the search for secrets", () => {
  it.each(rows)("finds one: %s", (_what, text) => {
    const found = find(Buffer.from(text), [{ name: "the password", secret }])
    assert.isNotEmpty(found)
    assert.strictEqual(found[0]?.name, "the password")
  })

  it("finds nothing if the text contains no secret", () => {
    const text = Buffer.from(
      `${"e2e-secret".repeat(1000)} ${Buffer.from("user:e2e-secret").toString("base64")}`
    )
    assert.deepStrictEqual(find(text, [{ name: "the password", secret }]), [])
  })

  it("finds any secret at any offset, and returns the offset", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: minFormLength, maxLength: 60, unit: "grapheme-ascii" }), {
          minLength: 1,
          maxLength: 20
        }),
        fc.nat(),
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }),
        (secrets, which, before, after) => {
          const secret = secrets[which % secrets.length] ?? ""
          const text = Buffer.concat([before, Buffer.from(secret), after])
          const found = find(
            text,
            secrets.map((secret) => ({ name: secret, secret }))
          )
          assert.isTrue(found.some(({ name, offset }) => name === secret && offset === before.length))
        }
      )
    )
  })
})
