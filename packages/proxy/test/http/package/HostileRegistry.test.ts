import { assert, describe, it } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect } from "effect"
import { problemOf } from "../ProxyHarness.ts"
import { credentials, content, image, name, start, withServices } from "../RegistryHarness.ts"

describe("a registry's certificate", () => {
  for (const [what, issue, changes, words] of [
    [
      "signed by an unknown CA",
      "issue",
      { ca: undefined },
      "signed by an authority that is not trusted here"
    ],
    ["expired", "issueExpired", {}, "its certificate has expired"],
    ["for another name", "issueForOtherHost", {}, "its certificate is for another name"]
  ] as const) {
    it.effect(`${what}: 502 with one sentence that says so`, () =>
      withServices(
        Effect.gen(function* () {
          const authority = yield* Certificates.makeAuthority
          const tls = yield* issue === "issue" ? authority.issue() : authority[issue]
          const { get, registry } = yield* start({ tls }, changes)
          const answer = yield* get()
          assert.strictEqual(answer.status, 502)
          const { detail } = problemOf(answer)
          assert.include(detail, words)
          assert.include(detail, registry.host)
          assert.match(detail, /^[^.]*(?:\d+\.[^.]*)*[^.]*\.$/)
          assert.isBelow(detail.length, 200)
        })
      )
    )
  }
})

const giant = RegistryImage.ofBytes(`{"schemaVersion":2,"layers":[],"x":"${"x".repeat(4 * 1024 * 1024)}"}`, {
  mediaType: image.mediaType
})
const deep = RegistryImage.ofBytes(`{"schemaVersion":2,"layers":${"[".repeat(1_000_000)}`, {
  mediaType: image.mediaType
})
const deepLayers = RegistryImage.ofBytes(
  `{"schemaVersion":2,"layers":${'[{"annotations":'.repeat(50_000)}1${"}]".repeat(50_000)}}`,
  { mediaType: image.mediaType }
)

describe("a malicious registry", () => {
  for (const [what, manifest] of [
    ["a giant manifest", giant],
    ["a manifest nested a million deep, without an end", deep],
    ["a manifest of layers in layers", deepLayers]
  ] as const) {
    it.effect(`${what}: 502, and the next package is served`, () =>
      withServices(
        Effect.gen(function* () {
          const { get, registry } = yield* start()
          yield* registry.put(name, manifest)
          const answer = yield* get(manifest.digest)
          assert.strictEqual(answer.status, 502)
          assert.isBelow(problemOf(answer).detail.length, 250)
          assert.isTrue((yield* get()).body.equals(content))
        })
      )
    )
  }

  it.effect("a redirect loop is a 502 after a few redirects", () =>
    withServices(
      Effect.gen(function* () {
        const { get, registry } = yield* start({ redirect: { _tag: "Loop" } })
        const answer = yield* get()
        assert.strictEqual(answer.status, 502)
        assert.include(problemOf(answer).detail, "redirect")
        assert.isAtMost((yield* registry.requests).length, 8)
      })
    )
  )

  it.effect("a body that never ends is cut at the package's size", () =>
    withServices(
      Effect.gen(function* () {
        const { get, registry } = yield* start()
        yield* registry.injectFaults("blob", { _tag: "Endless" })
        const answer = yield* get()
        assert.deepStrictEqual([answer.status, answer.complete], [200, true])
        assert.isTrue(answer.body.equals(content))
        yield* registry.await(({ requests }) => requests.every(({ outcome }) => outcome !== "open"))
      })
    )
  )

  for (const by of [-1, 1, 1_000_000]) {
    it.effect(`a Content-Length that is wrong by ${by}: never a wrong package`, () =>
      withServices(
        Effect.gen(function* () {
          const { get, registry } = yield* start()
          yield* registry.injectFaults("blob", { _tag: "WrongLength", by }, { times: "always" })
          const answer = yield* get()
          assert.isTrue(
            answer.status === 502 || !answer.complete || answer.body.equals(content),
            `${answer.status}`
          )
          yield* registry.clearFaults
          assert.isTrue((yield* get()).body.equals(content))
        })
      )
    )
  }

  it.effect("a token service on plain HTTP gets no credentials; a 502 says so", () =>
    withServices(
      Effect.gen(function* () {
        const plain = yield* TestRegistry.make()
        const tls = yield* (yield* Certificates.makeAuthority).issue()
        const { get } = yield* start({
          tls,
          auth: { _tag: "Bearer", ...credentials, realmUrl: `${plain.origin}/token` }
        })
        const answer = yield* get()
        assert.strictEqual(answer.status, 502)
        assert.include(problemOf(answer).detail, "plain HTTP")
        assert.strictEqual((yield* plain.requests).length, 0)
      })
    )
  )
})

it.effect("registries, token services and redirect targets get no trace headers", () =>
  withServices(
    Effect.gen(function* () {
      const { get, registry } = yield* start({
        auth: { _tag: "Bearer", ...credentials },
        redirect: { _tag: "Store" }
      })
      const headers = {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        tracestate: "vendor=value",
        baggage: "user=alice",
        b3: "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "x-b3-traceid": "0af7651916cd43dd8448eb211c80319c"
      }
      const answer = yield* get(image.digest, { headers })
      assert.strictEqual(answer.status, 200)
      const requests = yield* registry.requests
      assert.includeMembers(
        requests.map(({ listener, operation }) => `${listener} ${operation}`),
        ["registry manifest", "registry token", "registry blob", "store store"]
      )
      for (const { headers } of requests) {
        assert.notMatch(Object.keys(headers).join(), /trace|baggage|b3/)
        assert.notMatch(Object.values(headers).join(), /0af7651916cd43dd8448eb211c80319c|alice/)
      }
    })
  )
)
