import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Challenge from "../../../src/internal/auth/Challenge.ts"

const name = Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9_-]{0,12}$/))
const value = Schema.String.check(Schema.isMaxLength(40))

describe("Challenge", () => {
  it("reads what a registry with a token service says", () => {
    const [challenge] = Challenge.parse(
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

  it("reads several challenges in one header, quoted commas and escapes included", () => {
    const challenges = Challenge.parse('Negotiate, Basic realm="a, \\"b\\"", NTLM dG9rZW4=, Bearer REALM = x')
    assert.deepStrictEqual(
      challenges.map(({ scheme }) => scheme),
      ["negotiate", "basic", "ntlm", "bearer"]
    )
    assert.strictEqual(challenges[1]?.parameters.get("realm"), 'a, "b"')
    assert.strictEqual(challenges[2]?.token68, "dG9rZW4=")
    assert.strictEqual(challenges[3]?.parameters.get("realm"), "x")
  })

  it("takes the first of two parameters with one name", () => {
    assert.strictEqual(Challenge.parse("Bearer realm=a, realm=b")[0]?.parameters.get("realm"), "a")
  })

  it("reads unquoted values up to a comma or a space, addresses with a query among them", () => {
    const [challenge] = Challenge.parse("Bearer realm=https://auth.test/token?a=b&c=d,service=x scope=y:z")
    assert.deepStrictEqual(
      [...(challenge?.parameters ?? [])],
      [
        ["realm", "https://auth.test/token?a=b&c=d"],
        ["service", "x"],
        ["scope", "y:z"]
      ]
    )
  })

  it("stays quick with a header made to be slow", () => {
    for (const part of ['a="', "a =", ",", "\\", "a ", '"a']) {
      assert.isArray(Challenge.parse(part.repeat(100_000)))
    }
  })

  it.effect.prop("never throws", [Schema.String], ([input]) =>
    Effect.sync(() => {
      assert.isArray(Challenge.parse(input))
      assert.isArray(Challenge.parse(`Bearer ${input}`))
      assert.isArray(Challenge.parse(`Bearer realm="${input}`))
    })
  )

  it.effect.prop(
    "reads back what it prints",
    [Schema.Array(Schema.Struct({ scheme: name, parameters: Schema.Record(name, value) }))],
    ([challenges]) =>
      Effect.sync(() => {
        const given = challenges.map(({ scheme, parameters }) => ({
          scheme,
          parameters: new Map(Object.entries(parameters))
        }))
        const printed = Challenge.print(given)
        if (printed.length <= Challenge.maxHeaderLength)
          assert.deepStrictEqual(Challenge.parse(printed), given)
      })
  )
})
