import { assert, describe, it } from "@effect/vitest"
import { anonymous, type Credential } from "@registry-packages-proxy/domain/Credential"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Deferred, Effect, Fiber, Redacted, Result } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { RegistryClient } from "../../../src/RegistryClient.ts"
import * as FakeUpstream from "../../FakeUpstream.ts"
import { reason } from "../../FailureReason.ts"

const image = RegistryImage.ofPackage(new Uint8Array([1, 2, 3]))
const served: FakeUpstream.FakeResponse = {
  status: 200,
  body: image.bytes,
  headers: { "content-type": image.mediaType }
}
const basic = (password = "s3cret"): Credential => ({
  _tag: "Basic",
  username: "user",
  password: Redacted.make(password)
})

const resolve = (
  credential: Credential = anonymous,
  changes: Partial<RegistrySource> = {},
  name = "some/packages"
) =>
  Effect.result(
    RegistryClient.use((client) =>
      client.resolve(
        { ...FakeUpstream.repository(credential, changes), name: RepositoryName.make(name) },
        image.digest,
        Platform.make("linux/amd64")
      )
    )
  )

interface Options {
  readonly realm?: string
  /**
   * Makes the response of the token service. `issued` is the number of the token request, counted from 1. Default: a
   * response with the token `token-<issued>`.
   */
  readonly token?: (asked: FakeUpstream.ReceivedRequest, issued: number) => ReturnType<FakeUpstream.Handler>
  /** True if the registry accepts this Authorization. */
  readonly accepts?: (authorization: string) => boolean
  readonly challenge?: string
}

/** Makes a registry that requires a token from a token service on another host. */
const registry = (options: Options = {}) => {
  const { accepts = (value) => value.startsWith("Bearer token-"), realm = "https://auth.test/token?x=1" } =
    options
  let issued = 0
  const fake = FakeUpstream.make((asked) => {
    if (asked.url.includes("auth.test")) {
      issued++
      return (
        options.token?.(asked, issued) ?? { status: 200, body: JSON.stringify({ token: `token-${issued}` }) }
      )
    }
    if (accepts(asked.headers["authorization"] ?? "")) return served
    const name = /\/v2\/(.*)\/manifests/.exec(asked.url)?.[1]
    const challenge =
      options.challenge ?? `Bearer realm="${realm}",service="registry.test",scope="repository:${name}:pull"`
    return { status: 401, headers: { "www-authenticate": challenge } }
  })
  return { ...fake, hosts: () => fake.requests.map(({ url }) => new URL(url).host) }
}

describe("authentication", () => {
  it.effect(
    "requests a token with the credentials and the challenge's service and scope",
    Effect.fn(function* () {
      const fake = registry()
      assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(basic()), fake.layer)))
      assert.deepStrictEqual(fake.hosts(), ["registry.test", "auth.test", "registry.test"])
      assert.strictEqual(
        fake.requests[1]?.url,
        "https://auth.test/token?x=1&service=registry.test&scope=repository%3Asome%2Fpackages%3Apull"
      )
      assert.strictEqual(fake.requests[1]?.headers["authorization"], `Basic ${btoa("user:s3cret")}`)
      assert.isUndefined(fake.requests[0]?.headers["authorization"])
    })
  )

  it.effect(
    "requests a token without a service if the challenge has none, or an empty one",
    Effect.fn(function* () {
      for (const service of ["", ',service=""']) {
        const fake = registry({ challenge: `Bearer realm="https://auth.test/token"${service},scope="a b"` })
        assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(basic()), fake.layer)))
        assert.strictEqual(fake.requests[1]?.url, "https://auth.test/token?scope=a&scope=b")
      }
    })
  )

  it.effect(
    "costs no 401 for a known registry, also for its other repositories",
    Effect.fn(function* () {
      const fake = registry()
      yield* Effect.gen(function* () {
        yield* resolve(basic())
        yield* resolve(basic())
        assert.strictEqual(fake.requests.length, 4)
        yield* resolve(basic(), {}, "other/packages")
        assert.deepStrictEqual(fake.hosts().slice(4), ["auth.test", "registry.test"])
        assert.include(fake.requests[4]?.url, "other%2Fpackages")
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "reuses a token until shortly before it expires; after 60 seconds by default",
    Effect.fn(function* () {
      for (const [answer, life] of [
        [{ access_token: "token-a" }, 60],
        [{ token: "token-b", expires_in: 300 }, 300]
      ] as const) {
        const fake = registry({ token: () => ({ status: 200, body: JSON.stringify(answer) }) })
        const tokens = () => fake.hosts().filter((host) => host === "auth.test").length
        yield* Effect.gen(function* () {
          yield* resolve(basic())
          yield* TestClock.adjust((life - 11) * 1000)
          yield* resolve(basic())
          assert.strictEqual(tokens(), 1)
          yield* TestClock.adjust(10_000)
          yield* resolve(basic())
          assert.strictEqual(tokens(), 2)
        }).pipe(Effect.provide(fake.layer))
      }
    })
  )

  it.effect(
    "coalesces concurrent requests for one token",
    Effect.fn(function* () {
      const gate = yield* Deferred.make<void>()
      const fake = registry({
        token: () => Effect.as(Deferred.await(gate), { status: 200, body: '{"token":"token-1"}' })
      })
      const results = yield* Effect.gen(function* () {
        const fibers = yield* Effect.all(Array.from({ length: 50 }, () => Effect.forkChild(resolve(basic()))))
        yield* TestClock.adjust(1)
        yield* Deferred.succeed(gate, undefined)
        return yield* Fiber.joinAll(fibers)
      }).pipe(Effect.provide(fake.layer))
      assert.isTrue(results.every(Result.isSuccess))
      assert.strictEqual(fake.hosts().filter((host) => host === "auth.test").length, 1)
    })
  )

  it.effect(
    "does not fail other requests when the one that requested the token is interrupted",
    Effect.fn(function* () {
      const gate = yield* Deferred.make<void>()
      const fake = registry({
        token: () => Effect.as(Deferred.await(gate), { status: 200, body: '{"token":"token-1"}' })
      })
      const result = yield* Effect.gen(function* () {
        const first = yield* Effect.forkChild(resolve(basic()))
        yield* TestClock.adjust(1)
        const second = yield* Effect.forkChild(resolve(basic()))
        yield* TestClock.adjust(1)
        yield* Fiber.interrupt(first)
        yield* Deferred.succeed(gate, undefined)
        return yield* Fiber.join(second)
      }).pipe(Effect.provide(fake.layer))
      assert.isTrue(Result.isSuccess(result))
      assert.strictEqual(fake.hosts().filter((host) => host === "auth.test").length, 1)
      assert.strictEqual(fake.open(), 0)
    })
  )

  it.effect(
    "drops a refused token and requests another one, once",
    Effect.fn(function* () {
      let revoked = ""
      const fake = registry({ accepts: (value) => value.startsWith("Bearer token-") && value !== revoked })
      yield* Effect.gen(function* () {
        yield* resolve(basic())
        revoked = "Bearer token-1"
        assert.isTrue(Result.isSuccess(yield* resolve(basic())))
        assert.deepStrictEqual(fake.hosts().slice(3), ["registry.test", "auth.test", "registry.test"])
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "does not send credentials for ten seconds after two 401s to fresh tokens; changed credentials are sent at once",
    Effect.fn(function* () {
      const fake = registry({ accepts: () => false })
      yield* Effect.gen(function* () {
        assert.deepInclude(reason(yield* resolve(basic())), { _tag: "Refused", status: 401 })
        assert.strictEqual(fake.requests.length, 5)
        assert.deepInclude(reason(yield* resolve(basic())), { _tag: "Refused", status: 401 })
        assert.strictEqual(fake.requests.length, 5)
        yield* resolve(basic("changed"))
        assert.isAbove(fake.requests.length, 5)
        const before = fake.requests.length
        yield* TestClock.adjust("10 seconds")
        yield* resolve(basic())
        assert.isAbove(fake.requests.length, before)
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "does not send credentials for ten seconds after a 401 of the token service, but does after a 403",
    Effect.fn(function* () {
      for (const status of [401, 403]) {
        const fake = registry({ token: () => ({ status }) })
        yield* Effect.gen(function* () {
          assert.deepInclude(reason(yield* resolve(basic())), { _tag: "TokenRefused", status })
          const before = fake.requests.length
          yield* resolve(basic())
          assert.strictEqual(fake.requests.length === before, status === 401)
        }).pipe(Effect.provide(fake.layer))
      }
    })
  )

  it.effect(
    "sends credentials again if only the scope was insufficient",
    Effect.fn(function* () {
      const fake = registry({
        accepts: () => false,
        challenge: 'Bearer realm="https://auth.test/token",error="insufficient_scope"'
      })
      yield* Effect.gen(function* () {
        assert.deepInclude(reason(yield* resolve(basic())), { _tag: "Refused", status: 401 })
        const before = fake.requests.length
        yield* resolve(basic())
        assert.isAbove(fake.requests.length, before)
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "sends no credentials to a token service on plain HTTP",
    Effect.fn(function* () {
      const fake = registry({ realm: "http://auth.test/token" })
      const result = yield* Effect.provide(resolve(basic()), fake.layer)
      assert.strictEqual(reason(result)["_tag"], "InvalidResponse")
      assert.deepStrictEqual(fake.hosts(), ["registry.test"])
      const plain = registry({ realm: "http://auth.test/token" })
      assert.isTrue(
        Result.isSuccess(yield* Effect.provide(resolve(basic(), { scheme: "http" }), plain.layer))
      )
    })
  )

  it.effect(
    "does not follow a token service from HTTPS to plain HTTP",
    Effect.fn(function* () {
      const fake = registry({
        token: () => ({ status: 307, headers: { location: "http://auth.test/token" } })
      })
      const result = yield* Effect.provide(resolve(basic()), fake.layer)
      assert.strictEqual(reason(result)["_tag"], "BadRedirect")
      assert.include(JSON.stringify(result), "redirects to plain HTTP on auth.test")
      assert.deepStrictEqual(fake.hosts(), ["registry.test", "auth.test"])
    })
  )

  it.effect(
    "sends no credentials after a token service has redirected to another origin, not even back",
    Effect.fn(function* () {
      const places = ["https://other.test/a", "https://auth.test/b"]
      const fake = FakeUpstream.make(({ headers, url }) => {
        const place = places[["https://auth.test/", "https://other.test/a"].indexOf(url.split("?")[0] ?? "")]
        if (place !== undefined) return { status: 307, headers: { location: place } }
        if (url.startsWith("https://auth.test/b")) return { status: 200, body: '{"token":"t"}' }
        return headers["authorization"] === "Bearer t"
          ? served
          : { status: 401, headers: { "www-authenticate": 'Bearer realm="https://auth.test/"' } }
      })
      assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(basic()), fake.layer)))
      assert.deepStrictEqual(
        fake.requests.map(({ headers, url }) => [new URL(url).host, headers["authorization"]?.split(" ")[0]]),
        [
          ["registry.test", undefined],
          ["auth.test", "Basic"],
          ["other.test", undefined],
          ["auth.test", undefined],
          ["registry.test", "Bearer"]
        ]
      )
    })
  )

  it.effect(
    "follows two changed challenges and not a third",
    Effect.fn(function* () {
      let challenges = 0
      const fake = FakeUpstream.make(({ url }) =>
        url.includes("auth.test")
          ? { status: 200, body: '{"token":"t"}' }
          : {
              status: 401,
              headers: { "www-authenticate": `Bearer realm="https://auth.test/",service="${++challenges}"` }
            }
      )
      const result = yield* Effect.provide(resolve(basic()), fake.layer)
      assert.deepInclude(reason(result), { _tag: "Refused", status: 401 })
      // Five requests: without credentials, for the first challenge, for two changed challenges, with a fresh token.
      assert.strictEqual(challenges, 5)
    })
  )

  it.effect(
    "fails if one response takes more than 16 requests",
    Effect.fn(function* () {
      const all = ["registry.test", "a.test", "b.test", "c.test", "d.test", "e.test"]
      let given = 0
      let refused = 0
      const fake = FakeUpstream.make(({ headers, url }) => {
        const { host, pathname } = new URL(url)
        if (pathname === "/token") return { status: 200, body: `{"token":"t${++given}","expires_in":3600}` }
        const token = Number(headers["authorization"]?.split("t").at(-1))
        const challenge = { "www-authenticate": `Bearer realm="https://${host}/token"` }
        if (Number.isNaN(token) || token <= refused) return { status: 401, headers: challenge }
        const next = all[all.indexOf(host) + 1]
        return next === undefined ? served : { status: 307, headers: { location: `https://${next}/x` } }
      })
      yield* Effect.gen(function* () {
        assert.isTrue(Result.isSuccess(yield* resolve(basic())))
        // Now each server refuses its cached token once, and the token is replaced. This takes 17 requests.
        refused = given
        const before = fake.requests.filter(({ url }) => !url.includes("/token")).length
        assert.strictEqual(reason(yield* resolve(basic()))["_tag"], "InvalidResponse")
        assert.strictEqual(fake.requests.filter(({ url }) => !url.includes("/token")).length - before, 16)
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "retries a token service as it retries a registry",
    Effect.fn(function* () {
      const fake = registry({
        token: (_, issued) => (issued === 1 ? { status: 502 } : { status: 200, body: '{"token":"token-1"}' })
      })
      const fiber = yield* Effect.forkChild(Effect.provide(resolve(basic()), fake.layer))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Result.isSuccess(yield* Fiber.join(fiber)))
    })
  )

  for (const [what, body] of [
    ["no JSON", "<html>"],
    ["no token", "{}"],
    ["an empty token", '{"token":""}'],
    ["a token with a line break", '{"token":"a\\nb"}']
  ] as const) {
    it.effect(
      `refuses a token response with ${what}`,
      Effect.fn(function* () {
        const fake = registry({ token: () => ({ status: 200, body }) })
        assert.strictEqual(
          reason(yield* Effect.provide(resolve(basic()), fake.layer))["_tag"],
          "InvalidResponse"
        )
      })
    )
  }

  it.effect(
    "requests an anonymous token without credentials",
    Effect.fn(function* () {
      const fake = registry()
      assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(), fake.layer)))
      assert.isUndefined(fake.requests[1]?.headers["authorization"])
    })
  )

  it.effect(
    "sends user and password to a registry that asks for them, and then without being asked",
    Effect.fn(function* () {
      const fake = registry({
        challenge: 'Basic realm="r"',
        accepts: (value) => value === `Basic ${btoa("user:s3cret")}`
      })
      yield* Effect.gen(function* () {
        yield* resolve(basic())
        assert.isTrue(Result.isSuccess(yield* resolve(basic())))
        assert.strictEqual(fake.requests.length, 3)
        assert.deepInclude(reason(yield* resolve()), { _tag: "AnonymousRefused", status: 401 })
      }).pipe(Effect.provide(fake.layer))
    })
  )

  it.effect(
    "sends a registry token as it is",
    Effect.fn(function* () {
      const fake = registry()
      const credential: Credential = { _tag: "RegistryToken", token: Redacted.make("token-ready") }
      assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(credential), fake.layer)))
      assert.deepStrictEqual(
        fake.requests.map(({ headers }) => headers["authorization"]),
        ["Bearer token-ready"]
      )
    })
  )

  it.effect(
    "exchanges an identity token by OAuth2",
    Effect.fn(function* () {
      const fake = registry({
        token: () => ({ status: 200, body: '{"access_token":"token-1","expires_in":100}' })
      })
      const credential: Credential = { _tag: "IdentityToken", token: Redacted.make("refresh-me") }
      assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(credential), fake.layer)))
      const asked = fake.requests[1]
      assert.deepStrictEqual([asked?.method, asked?.url], ["POST", "https://auth.test/token?x=1"])
      const form = new URLSearchParams(asked?.body)
      assert.deepStrictEqual(
        ["grant_type", "refresh_token", "service", "scope"].map((name) => form.get(name)),
        ["refresh_token", "refresh-me", "registry.test", "repository:some/packages:pull"]
      )
    })
  )

  it.effect(
    "keeps secrets out of errors",
    Effect.fn(function* () {
      for (const options of [
        { accepts: () => false },
        { token: () => ({ code: "EPROTO" }) },
        { realm: "nonsense:s3cret" }
      ]) {
        const fake = registry(options)
        const result = yield* Effect.provide(resolve(basic()), fake.layer)
        assert.isTrue(Result.isFailure(result))
        assert.notMatch(JSON.stringify(result) + String(result), /s3cret|token-1|czNjcmV0/)
      }
    })
  )

  // Otherwise pulls from a registry that stops requiring tokens would fail with 502 until a restart.
  for (const status of [404, 401, 500]) {
    it.effect(
      `asks the registry again if the token service of its earlier challenge responds ${status}`,
      () => {
        let open = false
        const fake = FakeUpstream.make((asked) => {
          if (asked.url.includes("auth.test")) {
            return open
              ? { status }
              : { status: 200, body: JSON.stringify({ token: "token-1", expires_in: 10 }) }
          }
          return open || asked.headers["authorization"] !== undefined
            ? served
            : { status: 401, headers: { "www-authenticate": 'Bearer realm="https://auth.test/token"' } }
        })
        return Effect.gen(function* () {
          assert.isTrue(Result.isSuccess(yield* resolve(basic())))
          open = true
          yield* TestClock.adjust("1 minute")
          const retried = yield* Effect.forkChild(resolve(basic()))
          yield* TestClock.adjust("15 seconds")
          const first = yield* Fiber.join(retried)
          // Refused credentials are not sent again at once.
          assert.strictEqual(Result.isSuccess(first), status !== 401)
          yield* TestClock.adjust("15 seconds")
          assert.isTrue(Result.isSuccess(yield* resolve(basic())))
        }).pipe(Effect.provide(fake.layer))
      }
    )
  }
})
