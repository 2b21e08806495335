import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect, Fiber, Latch, Result } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import type { Fault } from "../../src/registry/Fault.ts"
import * as RegistryBlob from "../../src/images/RegistryBlob.ts"
import { TestRegistry } from "../../src/registry/TestRegistry.ts"
import { nodeRequest } from "../../src/wire/NodeRequest.ts"

const content = RegistryBlob.randomBytes(2, 600_000)
const digest = digestOf(content)

const withFaults = Effect.fnUntraced(function* (...faults: ReadonlyArray<Fault>) {
  const registry = yield* TestRegistry.make()
  yield* registry.putPackage("p", content)
  yield* registry.injectFaults("blob", faults)
  return { registry, url: `${registry.origin}/v2/p/blobs/${digest}` }
})

describe("Fault", () => {
  it.effect(
    "Status responds with its headers for the set number of requests, then the registry serves again",
    Effect.fn(function* () {
      const { registry, url } = yield* withFaults()
      yield* registry.clearFaults
      yield* registry.injectFaults(
        "blob",
        { _tag: "Status", status: 503, headers: { "Retry-After": "7" } },
        { times: 2 }
      )
      for (const status of [503, 503, 200]) {
        const response = yield* nodeRequest(url)
        assert.strictEqual(response.status, status)
        assert.strictEqual(response.headers["retry-after"], status === 503 ? "7" : undefined)
      }
      yield* registry.injectFaults("blob", { _tag: "Status", status: 500 }, { times: "always", digest })
      assert.strictEqual((yield* nodeRequest(url)).status, 500)
      yield* registry.clearFaults
      assert.strictEqual((yield* nodeRequest(url)).status, 200)
    })
  )

  it.effect(
    "Truncate closes the connection after n bytes",
    Effect.fn(function* () {
      const { url } = yield* withFaults({ _tag: "Truncate", after: 300_001, ending: "close" })
      const response = yield* nodeRequest(url)
      assert.isFalse(response.complete)
      assert.strictEqual(response.headers["content-length"], "600000")
      assert.deepStrictEqual(new Uint8Array(response.body), content.slice(0, 300_001))
    })
  )

  it.effect(
    "Truncate resets the connection after n bytes (some may be lost)",
    Effect.fn(function* () {
      const { registry, url } = yield* withFaults({ _tag: "Truncate", after: 300_001, ending: "reset" })
      const response = yield* Effect.result(nodeRequest(url))
      if (Result.isSuccess(response)) assert.isFalse(response.success.complete)
      else assert.strictEqual(response.failure, "ECONNRESET")
      yield* registry.await(({ requests }) => requests[0]?.sentBytes === 300_001)
    })
  )

  it.effect(
    "Truncate with a short length ends cleanly",
    Effect.fn(function* () {
      const { url } = yield* withFaults({ _tag: "Truncate", after: 5, ending: "short-length" })
      const response = yield* nodeRequest(url)
      assert.isTrue(response.complete)
      assert.deepStrictEqual(new Uint8Array(response.body), content.slice(0, 5))
    })
  )

  it.effect(
    "Corrupt changes one byte",
    Effect.fn(function* () {
      const { url } = yield* withFaults({ _tag: "Corrupt", at: 400_000 })
      const { body } = yield* nodeRequest(url)
      assert.strictEqual(body[400_000], (content[400_000] ?? 0) ^ 0xff)
      body[400_000] = content[400_000] ?? 0
      assert.deepStrictEqual(new Uint8Array(body), content)
    })
  )

  it.effect(
    "Stall stops the body after n bytes until its latch opens",
    Effect.fn(function* () {
      const until = yield* Latch.make()
      const reached = yield* Latch.make()
      const seen = yield* Latch.make()
      const { url } = yield* withFaults({ _tag: "Stall", after: 1000, until, reached })
      let received = 0
      const fiber = yield* Effect.forkChild(
        nodeRequest(url, {
          onData: (count) => {
            received = count
            if (count === 1000) seen.openUnsafe()
            return true
          }
        })
      )
      yield* reached.await
      yield* seen.await
      assert.strictEqual(received, 1000)
      yield* until.open
      assert.deepStrictEqual(new Uint8Array((yield* Fiber.join(fiber)).body), content)
    })
  )

  it.effect(
    "DelayHeaders sends nothing until its latch opens",
    Effect.fn(function* () {
      const until = yield* Latch.make()
      const { registry, url } = yield* withFaults({ _tag: "DelayHeaders", until })
      const fiber = yield* Effect.forkChild(nodeRequest(url))
      yield* registry.await(({ requests }) => requests.length === 1)
      assert.strictEqual((yield* registry.requests)[0]?.status, undefined)
      yield* until.open
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    })
  )

  it.effect(
    "WrongLength sends a Content-Length that is not the length of the body",
    Effect.fn(function* () {
      const more = yield* withFaults({ _tag: "WrongLength", by: 10 })
      const short = yield* nodeRequest(more.url)
      assert.strictEqual(short.headers["content-length"], "600010")
      assert.isFalse(short.complete)
      const less = yield* withFaults({ _tag: "WrongLength", by: -10 })
      assert.strictEqual((yield* nodeRequest(less.url)).body.length, 599_990)
    })
  )

  it.effect(
    "NoLength sends the body chunked",
    Effect.fn(function* () {
      const { url } = yield* withFaults({ _tag: "NoLength" })
      const response = yield* nodeRequest(url)
      assert.strictEqual(response.headers["content-length"], undefined)
      assert.deepStrictEqual(new Uint8Array(response.body), content)
    })
  )

  it.effect(
    "Endless sends more than the body, until the client disconnects",
    Effect.fn(function* () {
      const { url } = yield* withFaults({ _tag: "Endless" })
      const { body } = yield* nodeRequest(url, { onData: (received) => received < 1_000_000 })
      assert.deepStrictEqual(new Uint8Array(body.subarray(0, 600_000)), content)
      assert.isAtLeast(body.length, 1_000_000)
    })
  )

  it.effect(
    "Reset breaks the connection before the response",
    Effect.fn(function* () {
      const { url } = yield* withFaults({ _tag: "Reset" })
      assert.strictEqual(yield* Effect.flip(nodeRequest(url)), "ECONNRESET")
    })
  )

  it.effect(
    "WrongContentRange and IgnoreRange send bytes other than the requested range",
    Effect.fn(function* () {
      const wrong = yield* withFaults({ _tag: "WrongContentRange", by: 3 })
      const headers = { range: "bytes=100-199" }
      const part = yield* nodeRequest(wrong.url, { headers })
      assert.strictEqual(part.headers["content-range"], "bytes 103-199/600000")
      assert.deepStrictEqual(new Uint8Array(part.body), content.slice(103, 200))
      const ignored = yield* withFaults({ _tag: "IgnoreRange" })
      assert.strictEqual((yield* nodeRequest(ignored.url, { headers })).status, 200)
    })
  )

  it.effect(
    "RateLimit sends the body at its rate, by the clock",
    Effect.fn(function* () {
      const { registry, url } = yield* withFaults({ _tag: "RateLimit", bytesPerSecond: 100_000 })
      const start = yield* Latch.make()
      const fiber = yield* Effect.forkChild(
        nodeRequest(url, {
          onData: () => {
            start.openUnsafe()
            return true
          }
        })
      )
      yield* start.await
      assert.strictEqual((yield* registry.requests)[0]?.outcome, "open")
      while ((yield* registry.requests)[0]?.outcome === "open") {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      assert.deepStrictEqual(new Uint8Array((yield* Fiber.join(fiber)).body), content)
    })
  )

  it.effect(
    "Headers and Body replace parts of the response",
    Effect.fn(function* () {
      const { url } = yield* withFaults(
        { _tag: "Body", body: "nonsense" },
        { _tag: "Headers", headers: { "Content-Type": "text/html", "docker-content-digest": undefined } }
      )
      const { body, headers } = yield* nodeRequest(url)
      assert.strictEqual(body.toString(), "nonsense")
      assert.strictEqual(headers["content-type"], "text/html")
      assert.strictEqual(headers["docker-content-digest"], undefined)
    })
  )
})
