import { assert, layer } from "@effect/vitest"
import { Console, Effect } from "effect"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import * as ReviewFixture from "../src/fixtures/ReviewFixture.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

const flood = 100_000
const connections = 64

layer(layerPrograms, layerOptions)("A flood of invalid tokens", (it) => {
  it.effect(
    "takes at most 16 reviews at a time and less than 50 MiB, and delays no client with a cached decision",
    () =>
      Effect.gen(function* () {
        const { counts, proxy, secureOrigin } = yield* ReviewFixture.start()
        const strangers = yield* ReviewFixture.keepAliveAgent(connections)
        const known = yield* ReviewFixture.keepAliveAgent(connections)
        const good = ReviewFixture.requestStatus(secureOrigin, ReviewFixture.validToken, known)
        const idle = yield* ProcessMemory.read(proxy.pid)
        const statuses = new Map<number, number>()
        const bogus = (n: number) =>
          Effect.map(
            ReviewFixture.requestStatus(secureOrigin, `bogus-${n}-${"x".repeat(800)}`, strangers),
            (status) => {
              statuses.set(status, (statuses.get(status) ?? 0) + 1)
            }
          )
        // Warms up, so that `before` includes the memory of code and connections.
        assert.strictEqual(yield* good, 400)
        yield* Effect.forEach(
          Array.from({ length: 3000 }, (_, n) => -n),
          bogus,
          { concurrency: connections, discard: true }
        )
        const before = yield* ProcessMemory.read(proxy.pid)
        statuses.clear()
        yield* Effect.forEach(
          Array.from({ length: flood }, (_, n) => n),
          (n) =>
            n % 100 === 0
              ? Effect.andThen(
                  bogus(n),
                  Effect.map(good, (status) => assert.strictEqual(status, 400))
                )
              : bogus(n),
          { concurrency: connections, discard: true }
        )
        const { peakMiB: peak } = yield* ProcessMemory.read(proxy.pid)
        const { mostInProgress, tokenReviews } = yield* counts
        const sizes = [idle.residentMiB, before.residentMiB, peak].map((size) => size.toFixed(1)).join(", ")
        yield* Console.log(
          `${tokenReviews} TokenReviews, at most ${mostInProgress} at once; MiB idle, before, peak: ${sizes}`
        )
        assert.deepStrictEqual([...statuses], [[401, flood]])
        assert.isAtMost(mostInProgress, 16)
        assert.isBelow(peak - before.residentMiB, 50)
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 1_200_000 }
  )
})
