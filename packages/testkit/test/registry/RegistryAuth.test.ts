import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import type { RegistryAuth } from "../../src/registry/RegistryAuth.ts"
import { TestRegistry } from "../../src/registry/TestRegistry.ts"
import { nodeRequest } from "../../src/wire/NodeRequest.ts"

const account = { username: "reader", password: "secret" }
const basic = `Basic ${Buffer.from("reader:secret").toString("base64")}`
const wrong = `Basic ${Buffer.from("reader:guess").toString("base64")}`

const withAuth = Effect.fnUntraced(function* (auth: RegistryAuth) {
  const registry = yield* TestRegistry.make({ auth })
  const image = yield* registry.putPackage("modules/one", new TextEncoder().encode("package"))
  const pull = (authorization?: string) =>
    nodeRequest(`${registry.origin}/v2/modules/one/manifests/${image.digest}`, {
      headers: authorization === undefined ? {} : { authorization }
    })
  return { registry, pull }
})

const tokenUrl = (challenge: string | undefined): string => {
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge ?? "")?.[1] ?? ""
  const query = new URLSearchParams({ service: parameter("service"), scope: parameter("scope") })
  return `${parameter("realm")}?${query.toString()}`
}

const parse = (body: Buffer) =>
  JSON.parse(body.toString()) as {
    readonly token?: string
    readonly access_token?: string
    readonly expires_in?: number
  }

describe("RegistryAuth", () => {
  it.effect(
    "None demands no credentials",
    Effect.fn(function* () {
      const { pull } = yield* withAuth({ _tag: "None" })
      assert.strictEqual((yield* pull()).status, 200)
    })
  )

  it.effect(
    "Basic sends a challenge and refuses wrong credentials with the set status",
    Effect.fn(function* () {
      const { pull, registry } = yield* withAuth({ _tag: "Basic", ...account, refuseWith: 403 })
      const challenged = yield* pull()
      assert.strictEqual(challenged.status, 401)
      assert.match(challenged.headers["www-authenticate"] ?? "", /^Basic realm=/)
      assert.strictEqual((yield* pull(wrong)).status, 403)
      assert.strictEqual((yield* pull(basic)).status, 200)
      assert.deepStrictEqual(
        (yield* registry.requests).map(({ authScheme }) => authScheme),
        [undefined, "basic", "basic"]
      )
      assert.notInclude(JSON.stringify(yield* registry.requests), basic.slice(6))
    })
  )

  it.effect(
    "Bearer issues tokens that expire by the clock and can be revoked",
    Effect.fn(function* () {
      const { pull, registry } = yield* withAuth({
        _tag: "Bearer",
        ...account,
        expiresIn: 90,
        tokenField: "both"
      })
      const challenge = (yield* pull()).headers["www-authenticate"]
      const url = tokenUrl(challenge)
      assert.include(url, "repository%3Amodules%2Fone%3Apull")
      assert.strictEqual((yield* nodeRequest(url)).status, 401)
      assert.strictEqual((yield* nodeRequest(url, { headers: { authorization: wrong } })).status, 401)

      const fetchToken = Effect.map(nodeRequest(url, { headers: { authorization: basic } }), ({ body }) =>
        parse(body)
      )
      const first = yield* fetchToken
      assert.strictEqual(first.expires_in, 90)
      assert.strictEqual(first.access_token, first.token)
      assert.strictEqual((yield* pull(`Bearer ${first.token}`)).status, 200)
      yield* TestClock.adjust("90 seconds")
      const expired = yield* pull(`Bearer ${first.token}`)
      assert.strictEqual(expired.status, 401)
      assert.include(expired.headers["www-authenticate"], 'error="invalid_token"')

      const second = yield* fetchToken
      assert.strictEqual((yield* pull(`Bearer ${second.token}`)).status, 200)
      yield* registry.revokeTokens
      assert.strictEqual((yield* pull(`Bearer ${second.token}`)).status, 401)
      assert.strictEqual(yield* registry.requestCount("token"), 4)
    })
  )

  it.effect(
    "Bearer refuses a token of another scope",
    Effect.fn(function* () {
      const { pull } = yield* withAuth({ _tag: "Bearer", ...account, anonymous: true })
      const url = tokenUrl((yield* pull()).headers["www-authenticate"]).replace("one", "two")
      const { token } = parse((yield* nodeRequest(url)).body)
      const refused = yield* pull(`Bearer ${token}`)
      assert.strictEqual(refused.status, 401)
      assert.include(refused.headers["www-authenticate"], 'error="insufficient_scope"')
    })
  )

  it.effect(
    "Bearer accepts an identity token by POST, also on another origin",
    Effect.fn(function* () {
      const { pull, registry } = yield* withAuth({
        _tag: "Bearer",
        ...account,
        identityToken: "refresh",
        registryToken: "standing",
        realmListener: "store"
      })
      const url = new URL(tokenUrl((yield* pull()).headers["www-authenticate"]))
      assert.strictEqual(url.origin, registry.storeOrigin)
      const grant = (refresh_token: string) =>
        nodeRequest(`${url.origin}/token`, {
          method: "POST",
          body: new URLSearchParams([
            ...url.searchParams,
            ["grant_type", "refresh_token"],
            ["refresh_token", refresh_token]
          ]).toString()
        })
      assert.strictEqual((yield* grant("guess")).status, 401)
      const { token } = parse((yield* grant("refresh")).body)
      assert.strictEqual((yield* pull(`Bearer ${token}`)).status, 200)
      assert.strictEqual((yield* pull("Bearer standing")).status, 200)
    })
  )

  it.effect(
    "a change of credentials revokes the previous ones and their tokens",
    Effect.fn(function* () {
      const { pull, registry } = yield* withAuth({ _tag: "Basic", ...account })
      yield* registry.setAuth({ _tag: "Basic", username: "reader", password: "changed" })
      assert.strictEqual((yield* pull(basic)).status, 401)
    })
  )
})
