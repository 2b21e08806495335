import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect, Fiber, Metric, Stream } from "effect"
import { PrometheusMetrics } from "effect/observability"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { RegistryClient } from "../../src/RegistryClient.ts"
import * as FakeUpstream from "../FakeUpstream.ts"

const bytes = new Uint8Array([1, 2, 3, 4])
const layer = { layerDigest: digestOf(bytes), size: bytes.length }

describe("Metrics", () => {
  it.effect(
    "count requests, retries, resumes, bytes and failures",
    Effect.fn(
      function* () {
        const fake = FakeUpstream.make((_, count) =>
          count === 1
            ? { status: 503 }
            : count === 2
              ? { status: 200, body: bytes.slice(0, 2), afterwards: "ECONNRESET" }
              : count === 3
                ? { status: 502 }
                : count === 4
                  ? { status: 200, body: bytes }
                  : { status: 404 }
        )
        const read = RegistryClient.use((client) =>
          Stream.runDrain(client.blob(FakeUpstream.repository(), layer, 0))
        )
        const fiber = yield* Effect.forkChild(
          Effect.andThen(read, Effect.flip(read)).pipe(Effect.provide(fake.layer))
        )
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(fiber)
        const lines = (yield* PrometheusMetrics.format()).split("\n")
        const prefix = "registry_packages_proxy_upstream"
        for (const line of [
          `${prefix}_requests_total{operation="blob",code="503"} 1`,
          `${prefix}_requests_total{operation="blob",code="502"} 1`,
          `${prefix}_requests_total{operation="blob",code="200"} 2`,
          `${prefix}_requests_total{operation="blob",code="404"} 1`,
          `${prefix}_retries_total{kind="attempt"} 1`,
          `${prefix}_retries_total{kind="resume"} 2`,
          `${prefix}_bytes_total 4`,
          `${prefix}_errors_total{reason="BlobNotFound"} 1`,
          `${prefix}_request_seconds_count{operation="blob"} 5`,
          `# TYPE ${prefix}_bytes_total counter`
        ]) {
          assert.include(lines, line)
        }
      },
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )
})
