import { assert, describe, it } from "@effect/vitest"
import { TimedOut } from "@registry-packages-proxy/registry-client/RegistryError"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, Fiber, Latch } from "effect"
import { ByteCount } from "../../../src/config/Quantity.ts"
import { bytes, repository, start, withPlatform } from "../ProxyHarness.ts"

const large = bytes(700_000)
const small = bytes(20_000)
const zstd = "application/vnd.oci.image.layer.v1.tar+zstd"

describe("GET /package", () => {
  for (const [what, content] of [
    ["a large package", large],
    ["a small package", small]
  ] as const) {
    it.effect(`gives ${what} on a miss and again on a hit, with one pull`, () =>
      withPlatform(
        Effect.gen(function* () {
          const image = RegistryImage.ofPackage(content)
          const proxy = yield* start({ images: [image] })
          for (const status of ["fwd=miss; stored", "hit", "hit"]) {
            const response = yield* proxy.package(image.digest)
            assert.strictEqual(response.status, 200)
            assert.isTrue(response.complete)
            assert.isTrue(response.body.equals(content))
            assert.strictEqual(response.headers["content-type"], "application/x-gzip")
            assert.strictEqual(response.headers["content-length"], String(content.length))
            assert.strictEqual(
              response.headers["content-disposition"],
              `attachment; filename=${image.digest}.tar.gz`
            )
            assert.strictEqual(response.headers["etag"], `"${image.digest}"`)
            assert.strictEqual(response.headers["cache-control"], "public, max-age=31536000, immutable")
            assert.strictEqual(response.headers["accept-ranges"], "bytes")
            assert.strictEqual(response.headers["docker-content-digest"], image.layer?.digest)
            assert.strictEqual(response.headers["cache-status"], `registry-packages-proxy; ${status}`)
            // The response ends before the fill commits.
            yield* settle
          }
          assert.strictEqual(yield* proxy.registry.callCount("resolve"), 1)
          assert.strictEqual(yield* proxy.registry.callCount("blob"), 1)
        })
      )
    )
  }

  it.effect("has the content type and file name of a zstd package", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(small, { mediaType: zstd })
        const proxy = yield* start({ images: [image] })
        const response = yield* proxy.package(image.digest)
        assert.strictEqual(response.headers["content-type"], "application/zstd")
        assert.strictEqual(
          response.headers["content-disposition"],
          `attachment; filename=${image.digest}.tar.zst`
        )
      })
    )
  )

  it.effect("selects the platform's child of an index", () =>
    withPlatform(
      Effect.gen(function* () {
        const amd64 = RegistryImage.ofPackage(small)
        const arm64 = RegistryImage.ofPackage(bytes(100))
        const index = RegistryImage.index([
          { image: arm64, platform: "linux/arm64" },
          { image: amd64, platform: "linux/amd64" }
        ])
        const proxy = yield* start({ images: [index] })
        for (const _ of ["miss", "hit"]) {
          const response = yield* proxy.package(index.digest)
          assert.isTrue(response.body.equals(small))
        }
        assert.strictEqual(yield* proxy.registry.callCount("resolve"), 1)
      })
    )
  )

  it.effect("serves a cached package without credentials, repository or upstream, also after a restart", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(large)
        const first = yield* start({ images: [image] })
        yield* first.package(image.digest)
        // The response ends before the fill commits.
        yield* settle
        const second = yield* start({
          credentials: { sources: {}, waitingFor: ["credentials-files"] },
          settings: { cacheDirectory: first.settings.cacheDirectory }
        })
        for (const _ of ["verified while it is served", "verified"]) {
          const response = yield* second.request(`/package?digest=${image.digest}&repository=&path=`)
          assert.strictEqual(response.status, 200)
          assert.strictEqual(response.headers["cache-status"], "registry-packages-proxy; hit")
          assert.isTrue(response.body.equals(large))
        }
      })
    )
  )

  it.effect("bypasses the cache if it is disabled or too small", () =>
    withPlatform(
      Effect.gen(function* () {
        for (const settings of [
          { disableCache: true },
          { cacheRetentionSize: ByteCount.make(400_000) }
        ] as const) {
          const image = RegistryImage.ofPackage(large)
          const proxy = yield* start({ images: [image], settings })
          for (const pulls of [1, 2]) {
            const response = yield* proxy.package(image.digest, { headers: { range: "bytes=0-1" } })
            assert.strictEqual(response.status, 200)
            assert.isTrue(response.body.equals(large))
            assert.strictEqual(response.headers["cache-status"], "registry-packages-proxy; fwd=bypass")
            assert.strictEqual(response.headers["accept-ranges"], "none")
            assert.strictEqual(yield* proxy.registry.callCount("blob"), pulls)
          }
        }
      })
    )
  )

  it.effect("fills once for many clients, and continues when the first disconnects", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(large)
        const proxy = yield* start({ images: [image] })
        const stalled = Latch.makeUnsafe(false)
        yield* proxy.registry.injectFaults("blob", { _tag: "Stall", after: 300_000, until: stalled.await })
        const left = yield* proxy.package(image.digest, { onData: () => false })
        assert.isFalse(left.complete)
        const others = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 10 }, () => proxy.package(image.digest)),
            { concurrency: "unbounded" }
          )
        )
        yield* stalled.open
        const responses = yield* Fiber.join(others)
        for (const response of responses) assert.isTrue(response.body.equals(large))
        assert.strictEqual(yield* proxy.registry.callCount("blob"), 1)
      })
    )
  )

  it.effect("aborts a large package with wrong bytes, and pulls it again for the next request", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(large)
        const proxy = yield* start({ images: [image] })
        yield* proxy.registry.injectFaults("blob", {
          _tag: "Fail",
          after: 500_000,
          reason: new TimedOut({ phase: "body" })
        })
        const broken = yield* proxy.package(image.digest)
        assert.strictEqual(broken.status, 200)
        assert.isFalse(broken.complete)
        const whole = yield* proxy.package(image.digest)
        assert.isTrue(whole.complete)
        assert.isTrue(whole.body.equals(large))
      })
    )
  )
})

describe("HEAD /package", () => {
  it.effect("returns GET's headers without pulling the blob, and ignores Range", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(large)
        const proxy = yield* start({ images: [image] })
        const cold = yield* proxy.package(image.digest, { method: "HEAD", headers: { range: "bytes=0-1" } })
        assert.strictEqual(cold.status, 200)
        assert.strictEqual(cold.body.length, 0)
        assert.strictEqual(yield* proxy.registry.callCount("blob"), 0)
        const { date: _, ...got } = (yield* proxy.package(image.digest)).headers
        const { date: __, ...asked } = cold.headers
        assert.deepStrictEqual(asked, got)
        // The response ends before the fill commits.
        yield* settle
        const warm = yield* proxy.package(image.digest, { method: "HEAD" })
        assert.strictEqual(warm.headers["cache-status"], "registry-packages-proxy; hit")
        assert.strictEqual(warm.headers["content-length"], String(large.length))
        assert.strictEqual(yield* proxy.registry.callCount("resolve"), 2)
      })
    )
  )
})

describe("Range on /package", () => {
  it.effect("returns the requested range, on a miss and on a hit", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(large)
        const proxy = yield* start({ images: [image] })
        for (const [header, from, to] of [
          ["bytes=699990-", 699_990, 700_000],
          ["bytes=0-0", 0, 1],
          ["bytes=-5", 699_995, 700_000],
          ["bytes=100000-599999", 100_000, 600_000]
        ] as const) {
          const response = yield* proxy.package(image.digest, { headers: { range: header } })
          assert.strictEqual(response.status, 206)
          assert.strictEqual(response.headers["content-range"], `bytes ${from}-${to - 1}/700000`)
          assert.isTrue(response.body.equals(large.subarray(from, to)))
        }
        assert.strictEqual(yield* proxy.registry.callCount("blob"), 1)
      })
    )
  )

  it.effect(
    "returns the whole package for several, malformed or outdated ranges, and 416 for one outside of it",
    () =>
      withPlatform(
        Effect.gen(function* () {
          const image = RegistryImage.ofPackage(small)
          const proxy = yield* start({ images: [image] })
          for (const headers of [
            { range: "bytes=0-1,3-4" },
            { range: "bytes=5-2" },
            { range: "lines=1-2" },
            { range: "bytes=0-1", "if-range": '"other"' }
          ]) {
            const response = yield* proxy.package(image.digest, { headers })
            assert.strictEqual(response.status, 200)
            assert.isTrue(response.body.equals(small))
          }
          const matching = { range: "bytes=0-1", "if-range": `"${image.digest}"` }
          assert.strictEqual((yield* proxy.package(image.digest, { headers: matching })).status, 206)
          const outside = yield* proxy.package(image.digest, { headers: { range: "bytes=20000-" } })
          assert.strictEqual(outside.status, 416)
          assert.strictEqual(outside.headers["content-range"], "bytes */20000")
          assert.strictEqual(outside.headers["content-type"], "application/problem+json")
        })
      )
  )

  it.effect("outside of a cached package does not count as a use", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(small)
        const proxy = yield* start({ images: [image] })
        yield* proxy.package(image.digest)
        const results = Effect.map(proxy.request("/metrics"), ({ body }) =>
          body
            .toString()
            .split("\n")
            .filter((line) => line.startsWith("registry_packages_proxy_cache_results_total"))
        )
        const before = yield* results
        const outside = yield* proxy.package(image.digest, { headers: { range: "bytes=20000-" } })
        assert.strictEqual(outside.status, 416)
        assert.deepStrictEqual(yield* results, before)
      })
    )
  )
})

describe("If-None-Match on /package", () => {
  it.effect(
    "returns 304 for a cached package without the registry, for another after reading its manifest",
    () =>
      withPlatform(
        Effect.gen(function* () {
          const image = RegistryImage.ofPackage(small)
          const proxy = yield* start({ images: [image] })
          for (const header of [`"${image.digest}"`, `W/"${image.digest}"`, "*"]) {
            const cold = yield* proxy.package(image.digest, { headers: { "if-none-match": header } })
            assert.strictEqual(cold.status, 304)
            assert.strictEqual(cold.headers["etag"], `"${image.digest}"`)
            assert.strictEqual(cold.body.length, 0)
          }
          assert.strictEqual(yield* proxy.registry.callCount("resolve"), 3)
          assert.strictEqual(yield* proxy.registry.callCount("blob"), 0)
          const other = yield* proxy.package(image.digest, { headers: { "if-none-match": '"other"' } })
          assert.strictEqual(other.status, 200)
          const warm = yield* proxy.package(image.digest, { headers: { "if-none-match": "*" } })
          assert.strictEqual(warm.status, 304)
          assert.strictEqual(yield* proxy.registry.callCount("resolve"), 4)
        })
      )
  )

  it.effect("returns no 304 for a package that does not exist", () =>
    withPlatform(
      Effect.gen(function* () {
        const proxy = yield* start()
        const digest = `sha256:${"0".repeat(64)}`
        const response = yield* proxy.request(`/package?digest=${digest}&repository=${repository}`, {
          headers: { "if-none-match": "*" }
        })
        assert.strictEqual(response.status, 404)
      })
    )
  )
})
