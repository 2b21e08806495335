import { assert, describe, it } from "@effect/vitest"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Array, Effect, Exit, Fiber, Latch, Logger, Predicate, Scope } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { bytes, start, withPlatform } from "../ProxyHarness.ts"

const content = bytes(700_000)

/**
 * Starts registry-packages-proxy and a download that stalls in the middle. Then begins to stop registry-packages-proxy.
 * Returns when /readyz returns 503, while the stop still waits for the download.
 */
const downloading = Effect.gen(function* () {
  const image = RegistryImage.ofPackage(content)
  const small = RegistryImage.ofPackage(bytes(1000))
  const scope = yield* Scope.make()
  const proxy = yield* start({ images: [image, small] }).pipe(Scope.provide(scope))
  yield* proxy.package(small.digest)
  const held = Latch.makeUnsafe(false)
  const begun = Latch.makeUnsafe(false)
  yield* proxy.registry.injectFaults("blob", { _tag: "Stall", after: 400_000, until: held.await })
  const download = yield* Effect.forkChild(
    proxy.package(image.digest, {
      onData: () => {
        begun.openUnsafe()
        return true
      }
    })
  )
  yield* begun.await
  const stop = yield* Effect.forkChild(Scope.close(scope, Exit.void))
  const draining = Effect.suspend(() =>
    Effect.flatMap(proxy.request("/readyz"), ({ status }) =>
      status === 503 ? Effect.void : Effect.fail("not yet draining" as const)
    )
  ).pipe(Effect.retry({ while: (error) => error === "not yet draining" }))
  yield* draining
  return { image, small, proxy, held, download, stop }
})

/** Makes a logger that records `status` and `aborted` of each access log line. */
const captureRequests = () => {
  const ended: Array<readonly [unknown, unknown]> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    const [what, fields] = Array.ensure(message)
    if (what !== "request" || !Predicate.isReadonlyObject(fields)) return
    const { aborted, status } = fields as Record<string, unknown>
    ended.push([status, aborted])
  })
  return { ended, logger: Logger.layer([logger]) }
}

describe("stopping", () => {
  it.effect("lets a download finish, refuses new ones, answers probes, and then closes", () =>
    withPlatform(
      Effect.gen(function* () {
        const { download, held, image, proxy, small, stop } = yield* downloading
        assert.strictEqual((yield* proxy.request("/healthz")).status, 200)
        for (const { digest } of [image, small]) {
          const refused = yield* proxy.package(digest)
          assert.strictEqual(refused.status, 503)
          assert.strictEqual(refused.headers["connection"], "close")
          assert.isDefined(refused.headers["retry-after"])
        }
        yield* held.open
        const response = yield* Fiber.join(download)
        assert.isTrue(response.body.equals(content))
        yield* Fiber.join(stop)
        assert.strictEqual(yield* Effect.flip(proxy.request("/healthz")), "ECONNREFUSED")
      })
    )
  )

  it.effect("logs the last download with its own status, not as a disconnected client", () => {
    const { ended, logger } = captureRequests()
    return withPlatform(
      Effect.gen(function* () {
        const { download, held, stop } = yield* downloading
        yield* held.open
        yield* Fiber.join(download)
        yield* Fiber.join(stop)
        assert.deepStrictEqual(ended, [
          [200, false],
          [200, false]
        ])
      })
    ).pipe(Effect.provide(logger))
  })

  it.effect("aborts unfinished downloads when the grace period is over, and logs them as aborted", () => {
    const { ended, logger } = captureRequests()
    return withPlatform(
      Effect.gen(function* () {
        const { download, stop } = yield* downloading
        yield* TestClock.adjust("30 seconds")
        const response = yield* Fiber.join(download)
        assert.strictEqual(response.status, 200)
        assert.isFalse(response.complete)
        yield* Fiber.join(stop)
        assert.deepStrictEqual(ended, [
          [200, false],
          [200, true]
        ])
      })
    ).pipe(Effect.provide(logger))
  })
})
