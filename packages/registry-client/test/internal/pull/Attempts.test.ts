import { assert, describe, it } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Clock, Effect, Fiber, Option } from "effect"
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

const resolve = Effect.fnUntraced(function* (digest: Digest = image.digest) {
  const client = yield* RegistryClient
  return yield* client.resolve(FakeUpstream.repository(), digest, Platform.make("linux/amd64"))
})

/** Runs an effect in virtual time. Returns its duration in milliseconds and its result. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(
      Effect.result(Effect.zip(effect, Clock.currentTimeMillis).pipe(Effect.map(([value]) => value)))
    )
    let end = start
    while (fiber.pollUnsafe() === undefined && end - start < 100_000) {
      yield* TestClock.adjust(50)
      end = yield* Clock.currentTimeMillis
    }
    return { millis: end - start, result: yield* Fiber.join(fiber) }
  })

describe("before the first byte, a request", () => {
  for (const [what, answer] of [
    ["a refused connection", { code: "ECONNREFUSED" }],
    ["a reset connection", { code: "ECONNRESET" }],
    ["a connect timeout", { code: "ERR_CONNECT_TIMEOUT" }],
    ["408", { status: 408 }],
    ["429", { status: 429 }],
    ["500", { status: 500 }],
    ["502", { status: 502 }],
    ["503", { status: 503 }],
    ["a body that is aborted", { ...served, body: image.bytes.slice(0, 10), afterwards: "ECONNRESET" }]
  ] as const) {
    it.effect(
      `is retried after ${what}`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make((_, count) => (count === 1 ? answer : served))
        const { result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
        assert.strictEqual(result._tag, "Success")
        assert.strictEqual(fake.requests.length, 2)
      })
    )
  }

  for (const [what, answer, tag] of [
    ["403", { status: 403 }, "AnonymousRefused"],
    ["404", { status: 404 }, "ManifestNotFound"],
    ["400", { status: 400 }, "UnexpectedStatus"],
    ["an untrusted certificate", { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, "ConnectionFailed"],
    ["a response that is not HTTP", { code: "HPE_INVALID_CONSTANT" }, "InvalidResponse"],
    ["bytes with another digest", { ...served, body: "{}" }, "InvalidResponse"],
    [
      "a manifest with a wrong Content-Encoding",
      { ...served, body: "{}", headers: { "content-encoding": "gzip" } },
      "InvalidResponse"
    ],
    [
      "a manifest with a Content-Length that is too large",
      { ...served, headers: { "content-length": "4194305" } },
      "InvalidResponse"
    ],
    [
      "a manifest that is too large",
      { ...served, body: new Uint8Array(4_194_305), afterwards: "silence" },
      "InvalidResponse"
    ]
  ] as const) {
    it.effect(
      `is not retried after ${what}`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => answer)
        const { result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
        assert.strictEqual(reason(result)["_tag"], tag)
        assert.strictEqual(fake.requests.length, 1)
        assert.strictEqual(fake.open(), 0)
      })
    )
  }

  it.effect(
    "fails after four attempts with the reason of the last one",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(() => ({ status: 500 }))
      const { millis, result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
      assert.deepInclude(reason(result), { _tag: "UnexpectedStatus", status: 500 })
      assert.strictEqual(fake.requests.length, 4)
      assert.isAtLeast(millis, 1400)
      assert.isAtMost(millis, 2150)
    })
  )

  it.effect(
    "has 30 seconds for headers and 45 seconds for all attempts",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(() => Effect.never)
      const { millis, result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
      assert.deepInclude(reason(result), { _tag: "TimedOut", phase: "attempts" })
      assert.strictEqual(fake.requests.length, 2)
      assert.isAtLeast(millis, 45_000)
      assert.isAtMost(millis, 45_050)
    })
  )

  it.effect(
    "is retried after 30 seconds of silence in a manifest body",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((_, count) =>
        count === 1 ? { ...served, body: "{", afterwards: "silence" } : served
      )
      const { millis, result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
      assert.strictEqual(result._tag, "Success")
      assert.isAtLeast(millis, 30_000)
      assert.strictEqual(fake.open(), 0)
    })
  )

  it.effect(
    "is retried after the Retry-After, in seconds or as a date",
    Effect.fn(function* () {
      for (const value of ["10", new Date((yield* Clock.currentTimeMillis) + 22_000).toUTCString()]) {
        const fake = FakeUpstream.make((_, count) =>
          count === 1 ? { status: 429, headers: { "retry-after": value } } : served
        )
        const { millis, result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
        assert.strictEqual(result._tag, "Success")
        assert.isAtLeast(millis, 10_000)
        assert.isAtMost(millis, 13_000)
      }
    })
  )

  it.effect(
    "fails at once if Retry-After leaves no time for another attempt",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(() => ({ status: 503, headers: { "retry-after": "46" } }))
      const { millis, result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
      assert.deepInclude(reason(result), { _tag: "Unavailable", status: 503, retryAfter: Option.some(46) })
      assert.strictEqual(fake.requests.length, 1)
      assert.isAtMost(millis, 50)
    })
  )

  for (const [what, value, seconds] of [
    ["18 digits", "999999999999999999", 3600],
    ["400 digits", "9".repeat(400), 3600],
    ["a day", "86400", 3600],
    ["the last date", "Fri, 31 Dec 9999 23:59:59 GMT", 3600],
    ["an hour", "3600", 3600],
    ["less than an hour", "3599", 3599]
  ] as const) {
    it.effect(
      `reports a Retry-After of ${what} as at most an hour`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => ({ status: 503, headers: { "retry-after": value } }))
        const { result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
        assert.deepInclude(reason(result), { _tag: "Unavailable", retryAfter: Option.some(seconds) })
        assert.strictEqual(fake.requests.length, 1)
      })
    )
  }

  for (const value of ["-5", "1.5", "soon", "", "120, 120"]) {
    it.effect(
      `ignores an invalid Retry-After: "${value}"`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => ({ status: 503, headers: { "retry-after": value } }))
        const { result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
        assert.deepInclude(reason(result), { _tag: "Unavailable", retryAfter: Option.none() })
        assert.strictEqual(fake.requests.length, 4)
      })
    )
  }

  it.effect(
    "releases its connection when it is interrupted",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(() => ({ ...served, body: "{", afterwards: "silence" }))
      const fiber = yield* Effect.forkChild(Effect.provide(resolve(), fake.layer))
      yield* TestClock.adjust(1)
      assert.strictEqual(fake.open(), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(fake.open(), 0)
    })
  )

  it.effect(
    "fails with the connection's problem in one sentence without secrets",
    Effect.fn(function* () {
      for (const [code, kind, words] of [
        ["SELF_SIGNED_CERT_IN_CHAIN", "certificate", "not trusted"],
        ["CERT_HAS_EXPIRED", "certificate", "expired"],
        ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate", "another name"],
        ["ENOTFOUND", "dns", "DNS"],
        ["EAI_AGAIN", "dns", "name server"],
        ["ECONNREFUSED", "refused", "refused"],
        ["ERR_PROXY_TUNNEL", "other", "proxy"]
      ] as const) {
        const fake = FakeUpstream.make(() => ({ code }))
        const { result } = yield* timed(resolve()).pipe(Effect.provide(fake.layer))
        const fields = reason(result)
        assert.deepInclude(fields, { _tag: "ConnectionFailed", kind })
        assert.include(JSON.stringify(fields), words)
        assert.notInclude(JSON.stringify(result), "secret-message")
      }
    })
  )
})

describe("an index", () => {
  const index = RegistryImage.index([{ image, platform: "linux/amd64" }])

  it.effect(
    "is refused if the size of its child differs from the descriptor",
    Effect.fn(function* () {
      const child = { digest: image.digest, size: image.bytes.length + 1, mediaType: image.mediaType }
      const lying = RegistryImage.ofBytes(
        JSON.stringify({
          schemaVersion: 2,
          manifests: [{ ...child, platform: { os: "linux", architecture: "amd64" } }]
        }),
        { mediaType: index.mediaType }
      )
      const fake = FakeUpstream.make((_, count) =>
        count === 1
          ? { status: 200, body: lying.bytes, headers: { "content-type": lying.mediaType } }
          : served
      )
      const { result } = yield* timed(resolve(lying.digest)).pipe(Effect.provide(fake.layer))
      assert.strictEqual(reason(result)["_tag"], "InvalidResponse")
    })
  )

  it.effect(
    "shares one deadline with its child",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((_, count) =>
        count === 1
          ? Effect.delay(
              Effect.succeed({
                status: 200,
                body: index.bytes,
                headers: { "content-type": index.mediaType }
              }),
              "29 seconds"
            )
          : Effect.never
      )
      const { millis, result } = yield* timed(resolve(index.digest)).pipe(Effect.provide(fake.layer))
      assert.deepInclude(reason(result), { _tag: "TimedOut", phase: "attempts" })
      assert.isAtMost(millis, 45_050)
    })
  )
})
