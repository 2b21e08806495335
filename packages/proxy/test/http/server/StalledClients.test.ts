import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Clock, Effect, FileSystem, Layer, Metric } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import type { IncomingHttpHeaders } from "node:http"
import type { Socket } from "node:net"
import { ReadSendQueues } from "../../../src/http/server/SendQueues.ts"
import * as Metrics from "../../../src/metrics/Metrics.ts"
import { ByteCount } from "../../../src/config/Quantity.ts"
import { bytes, start, withPlatform } from "../ProxyHarness.ts"
import { startSecure, tokens } from "../SecureHarness.ts"

const net = process.getBuiltinModule("node:net")
const mib = 1024 * 1024

/** Two packages. Each exceeds the kernel's buffers and fits into the cache, but the cache has no space for both. */
const [large, other] = [RegistryImage.ofPackage(bytes(24 * mib)), RegistryImage.ofPackage(bytes(20 * mib))]
const cap = 40 * mib

const cacheStatus = ({ headers }: { readonly headers: IncomingHttpHeaders }) => headers["cache-status"]

const plain = Effect.gen(function* () {
  const { origin, package: ask } = yield* start({
    images: [large, other],
    settings: { cacheRetentionSize: ByteCount.make(cap) }
  })
  return {
    connect: Effect.sync((): Socket => net.connect(Number(new URL(origin).port), "127.0.0.1")),
    resultOf: (image: RegistryImage.RegistryImage) => Effect.map(ask(image.digest), cacheStatus)
  }
})

const secure = Effect.gen(function* () {
  const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
  const cache = DigestCache.layer({ directory, cap }).pipe(Layer.provide(NodeServices.layer))
  const { connect, registry, request } = yield* startSecure({ cache })
  yield* Effect.forEach([large, other], registry.put)
  return {
    connect: Effect.map(connect(), ({ socket }): Socket => socket),
    resultOf: (image: RegistryImage.RegistryImage) =>
      Effect.map(request(`/package?digest=${image.digest}`, { token: tokens.packages }), cacheStatus)
  }
})

const head = (image: RegistryImage.RegistryImage): string =>
  `GET /package?digest=${image.digest} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.packages}\r\n\r\n`

const stalled = Effect.map(Metric.value(Metrics.stalledConnections), ({ count }) => count)

describe("a client that stops reading a package", () => {
  for (const [name, program] of [
    ["plain", plain],
    ["secure", secure]
  ] as const) {
    it.effect(`on the ${name} port keeps its space in the cache for 60 seconds`, () =>
      withPlatform(
        Effect.gen(function* () {
          const { connect, resultOf } = yield* program
          assert.strictEqual(yield* resultOf(large), "registry-packages-proxy; fwd=miss; stored")
          const client = yield* Effect.acquireRelease(connect, (socket) =>
            Effect.sync(() => socket.destroy())
          )
          client.on("error", () => {})
          yield* Effect.callback<void>((resume) => {
            client.once("data", () => {
              client.pause()
              resume(Effect.void)
            })
            client.write(head(large))
          })
          assert.strictEqual(yield* resultOf(other), "registry-packages-proxy; fwd=bypass")

          const [before, began] = [yield* stalled, yield* Clock.currentTimeMillis]
          // The client's kernel may still accept some bytes, so the timeout may begin a little later.
          yield* Effect.repeat(Effect.andThen(TestClock.adjust("5 seconds"), stalled), {
            until: (count) => count > before
          })
          assert.isAtLeast((yield* Clock.currentTimeMillis) - began, 60_000)
          // The file of the aborted response is closed asynchronously. Until then, its space is not free.
          yield* Effect.repeat(resultOf(other), {
            until: (result) => result === "registry-packages-proxy; fwd=miss; stored"
          })
        }).pipe(
          Effect.provideService(
            ReadSendQueues,
            Effect.succeed(() => 1000)
          )
        )
      )
    )
  }
})
