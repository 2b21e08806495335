import { assert, describe, it } from "@effect/vitest"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect } from "effect"
import { bytes, start, withPlatform } from "../http/ProxyHarness.ts"

describe("probes and metrics", () => {
  it.effect(
    "/healthz is 200 from the start, /readyz is 200 once credentials are read and else says what it waits for",
    () =>
      withPlatform(
        Effect.gen(function* () {
          const waiting = yield* start({
            credentials: { waitingFor: ["credentials-files", "module-sources"] }
          })
          const health = yield* waiting.request("/healthz")
          assert.strictEqual(health.status, 200)
          assert.strictEqual(health.body.toString(), "ok\n")
          assert.strictEqual(health.headers["cache-control"], "no-store")
          const unready = yield* waiting.request("/readyz")
          assert.strictEqual(unready.status, 503)
          assert.strictEqual(
            unready.body.toString(),
            "not ready: waiting for credentials-files, module-sources\n"
          )
          const proxy = yield* start()
          assert.strictEqual((yield* proxy.request("/readyz")).status, 200)
          assert.strictEqual((yield* proxy.request("/readyz", { method: "HEAD" })).body.length, 0)
        })
      )
  )

  it.effect("/metrics has requests, cache results and the cache's size in bytes", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(300_000))
        const proxy = yield* start({ images: [image] })
        yield* proxy.package(image.digest)
        // The response ends before the fill commits.
        yield* settle
        yield* proxy.package(image.digest)
        yield* proxy.package("nonsense")
        const response = yield* proxy.request("/metrics")
        assert.strictEqual(response.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        assert.strictEqual(response.headers["cache-control"], "no-store")
        const lines = response.body.toString().split("\n")
        const value = (name: string, ...labels: ReadonlyArray<string>) =>
          lines
            .find((line) => line.startsWith(name) && labels.every((label) => line.includes(label)))
            ?.split(" ")
            .at(-1)
        assert.strictEqual(value("registry_packages_proxy_cache_size"), "300000")
        assert.strictEqual(value("registry_packages_proxy_cache_results_total", 'result="miss"'), "1")
        assert.strictEqual(value("registry_packages_proxy_cache_results_total", 'result="hit"'), "1")
        const requests = "registry_packages_proxy_requests_total"
        assert.strictEqual(value(requests, 'handler="package"', 'code="200"', 'method="GET"'), "2")
        assert.strictEqual(value(requests, 'handler="package"', 'code="400"'), "1")
      })
    )
  )
})
