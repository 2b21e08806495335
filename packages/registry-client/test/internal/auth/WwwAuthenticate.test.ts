import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as WwwAuthenticate from "../../../src/internal/auth/WwwAuthenticate.ts"

const name = Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9_-]{0,12}$/))
const value = Schema.String.check(Schema.isMaxLength(40))

describe("WWW-Authenticate", () => {
  it("parses the challenge of a registry with a token service", () => {
    const [challenge] = WwwAuthenticate.parse(
      'Bearer realm="https://auth.test/token",service="registry.test",scope="repository:a/b:pull,push",error=invalid_token'
    )
    assert.strictEqual(challenge?.scheme, "bearer")
    assert.deepStrictEqual(
      [...(challenge?.parameters ?? [])],
      [
        ["realm", "https://auth.test/token"],
        ["service", "registry.test"],
        ["scope", "repository:a/b:pull,push"],
        ["error", "invalid_token"]
      ]
    )
  })

  it("parses several challenges in one field, with quoted commas and escapes", () => {
    const challenges = WwwAuthenticate.parse(
      'Negotiate, Basic realm="a, \\"b\\"", NTLM dG9rZW4=, Bearer REALM = x'
    )
    assert.deepStrictEqual(
      challenges.map(({ scheme }) => scheme),
      ["negotiate", "basic", "ntlm", "bearer"]
    )
    assert.strictEqual(challenges[1]?.parameters.get("realm"), 'a, "b"')
    assert.strictEqual(challenges[2]?.token68, "dG9rZW4=")
    assert.strictEqual(challenges[3]?.parameters.get("realm"), "x")
  })

  it("uses the first of two parameters with one name", () => {
    assert.strictEqual(WwwAuthenticate.parse("Bearer realm=a, realm=b")[0]?.parameters.get("realm"), "a")
  })

  it("parses unquoted values up to a comma or a space, also URLs with a query", () => {
    const [challenge] = WwwAuthenticate.parse(
      "Bearer realm=https://auth.test/token?a=b&c=d,service=x scope=y:z"
    )
    assert.deepStrictEqual(
      [...(challenge?.parameters ?? [])],
      [
        ["realm", "https://auth.test/token?a=b&c=d"],
        ["service", "x"],
        ["scope", "y:z"]
      ]
    )
  })

  it("is fast for a hostile field", () => {
    for (const part of ['a="', "a =", ",", "\\", "a ", '"a']) {
      assert.isArray(WwwAuthenticate.parse(part.repeat(100_000)))
    }
  })

  it.effect.prop("never throws", [Schema.String], ([input]) =>
    Effect.sync(() => {
      assert.isArray(WwwAuthenticate.parse(input))
      assert.isArray(WwwAuthenticate.parse(`Bearer ${input}`))
      assert.isArray(WwwAuthenticate.parse(`Bearer realm="${input}`))
    })
  )

  it.effect.prop(
    "parses what it formats",
    [Schema.Array(Schema.Struct({ scheme: name, parameters: Schema.Record(name, value) }))],
    ([challenges]) =>
      Effect.sync(() => {
        const given = challenges.map(({ scheme, parameters }) => ({
          scheme,
          parameters: new Map(Object.entries(parameters))
        }))
        const formatted = WwwAuthenticate.format(given)
        if (formatted.length <= WwwAuthenticate.maxHeaderLength)
          assert.deepStrictEqual(WwwAuthenticate.parse(formatted), given)
      })
  )
})
