import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect, Logger, Redacted, Result, Stream } from "effect"
import { RegistryClient } from "../../../src/RegistryClient.ts"
import * as FakeUpstream from "../../FakeUpstream.ts"

const bytes = new Uint8Array([1, 2, 3, 4])
const layer = { layerDigest: digestOf(bytes), size: bytes.length }
const basic = { _tag: "Basic", username: "user", password: Redacted.make("pass") } as const

const read = (scheme: "https" | "http" = "https") =>
  Effect.result(
    RegistryClient.use((client) =>
      Stream.runCollect(client.blob(FakeUpstream.repository(basic, { scheme }), layer, 0))
    )
  )

const challenge: FakeUpstream.FakeResponse = {
  status: 401,
  headers: { "www-authenticate": 'Basic realm="r"' }
}

/**
 * Makes a registry that requires a password. It redirects each request below `/v2/` to `location`. A request for any
 * other URL gets the bytes of the blob.
 */
const redirecting = (location: string, status = 307) =>
  FakeUpstream.make(({ headers, url }) => {
    if (!url.includes("/v2/")) return { status: 200, body: bytes }
    return headers["authorization"] === undefined ? challenge : { status, headers: { location } }
  })

describe("a redirect", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it.effect(
      `by ${status} to another origin is followed without the Authorization`,
      Effect.fn(function* () {
        const fake = redirecting("https://user:pw@store.test/blob?signature=abc", status)
        assert.isTrue(Result.isSuccess(yield* Effect.provide(read(), fake.layer)))
        const last = fake.requests.at(-1)
        assert.strictEqual(last?.url, "https://store.test/blob?signature=abc")
        assert.isUndefined(last?.headers["authorization"])
      })
    )
  }

  it.effect(
    "to another port is a redirect to another origin",
    Effect.fn(function* () {
      const fake = redirecting("https://registry.test:8443/blob")
      yield* Effect.provide(read(), fake.layer)
      assert.isUndefined(fake.requests.at(-1)?.headers["authorization"])
    })
  )

  it.effect(
    "on the registry's own origin keeps the Authorization, also for a relative URL",
    Effect.fn(function* () {
      const fake = redirecting("/elsewhere/blob")
      yield* Effect.provide(read(), fake.layer)
      const last = fake.requests.at(-1)
      assert.strictEqual(last?.url, "https://registry.test/elsewhere/blob")
      assert.isDefined(last?.headers["authorization"])
    })
  )

  const refuses = (what: string, location: string | undefined, words: string) =>
    it.effect(
      `is refused: ${what}`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => ({
          status: 307,
          headers: location === undefined ? {} : { location }
        }))
        const result = yield* Effect.provide(read(), fake.layer)
        assert.isTrue(Result.isFailure(result))
        const text = JSON.stringify(result)
        assert.include(text, "BadRedirect")
        assert.include(text, words)
        assert.notInclude(text, "signature")
      })
    )
  refuses("without a Location", undefined, "without a Location")
  refuses("a Location that is not a URL", "https://[", "not a URL")
  refuses("another protocol", "ftp://store.test/signature", "neither https nor http")
  refuses("a circle", `https://registry.test/v2/some/packages/blobs/${layer.layerDigest}`, "circle")

  it.effect(
    "from HTTPS to plain HTTP is followed without the Authorization, with one warning",
    Effect.fn(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(JSON.stringify(message)))
      const fake = redirecting("http://store.test/blob?signature=abc")
      yield* Effect.gen(function* () {
        for (let time = 0; time < 3; time++) assert.isTrue(Result.isSuccess(yield* read()))
      }).pipe(Effect.provide([fake.layer, Logger.layer([logger])]))
      assert.isUndefined(fake.requests.at(-1)?.headers["authorization"])
      assert.deepStrictEqual(lines, [
        '["registry redirects from https to plain http; the redirect is followed without credentials",{"registry":"registry.test","target":"store.test"}]'
      ])
    })
  )

  it.effect(
    "from HTTP to HTTPS on one host is a redirect to another origin, and errors show its scheme",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(({ url }) =>
        url.startsWith("http:")
          ? { status: 301, headers: { location: url.replace("http:", "https:") } }
          : challenge
      )
      const result = yield* Effect.provide(read("http"), fake.layer)
      assert.isTrue(fake.requests.every(({ headers }) => headers["authorization"] === undefined))
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) {
        assert.strictEqual(
          result.failure.message,
          "https://registry.test, to which registry.test redirects, requires credentials of its own (401)"
        )
      }
    })
  )

  it.effect(
    "back to the registry's own origin is followed with the Authorization",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(({ headers, url }) => {
        if (url.startsWith("http:"))
          return { status: 307, headers: { location: "https://registry.test/blob" } }
        if (url.endsWith("/blob")) return { status: 200, body: bytes }
        return headers["authorization"] === undefined
          ? challenge
          : { status: 307, headers: { location: "http://store.test/hop" } }
      })
      assert.isTrue(Result.isSuccess(yield* Effect.provide(read(), fake.layer)))
      assert.deepStrictEqual(
        fake.requests.map(({ headers, url }) => [
          new URL(url).origin,
          headers["authorization"] !== undefined
        ]),
        [
          ["https://registry.test", false],
          ["https://registry.test", true],
          ["http://store.test", false],
          ["https://registry.test", true]
        ]
      )
    })
  )

  it.effect(
    "from plain HTTP to plain HTTP is followed",
    Effect.fn(function* () {
      const fake = redirecting("http://store.test/blob")
      assert.isTrue(Result.isSuccess(yield* Effect.provide(read("http"), fake.layer)))
    })
  )

  it.effect(
    "is followed ten times, not eleven times",
    Effect.fn(function* () {
      for (const [length, works] of [
        [10, true],
        [11, false]
      ] as const) {
        const fake = FakeUpstream.make((_, count) =>
          count <= length
            ? { status: 302, headers: { location: `/hop/${count}` } }
            : { status: 200, body: bytes }
        )
        assert.strictEqual(Result.isSuccess(yield* Effect.provide(read(), fake.layer)), works)
        assert.strictEqual(fake.requests.length, 11)
      }
    })
  )

  it.effect(
    "is not needed for docker.io, whose registry has another name",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(() => ({ status: 200, body: bytes }))
      const { host } = FakeUpstream.source({ host: FakeUpstream.host("docker.io") })
      yield* RegistryClient.use((client) =>
        Stream.runDrain(client.blob(FakeUpstream.repository(basic, { host }), layer, 0))
      ).pipe(Effect.provide(fake.layer))
      assert.isTrue(fake.requests[0]?.url.startsWith("https://registry-1.docker.io/v2/"))
    })
  )
})
