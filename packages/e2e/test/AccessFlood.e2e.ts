import { assert, layer } from "@effect/vitest"
import { Console, Effect } from "effect"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import * as ReviewBed from "../src/beds/ReviewBed.ts"
import { layerParts, options } from "../src/beds/TestBed.ts"

const flood = 100_000
const connections = 64

layer(layerParts, options)("A flood of tokens that are no good", (it) => {
  it.effect(
    "takes 16 reviews at a time and less than 50 MiB, and hinders no caller who is known",
    () =>
      Effect.gen(function* () {
        const { asked, bundle, secureOrigin } = yield* ReviewBed.start()
        const strangers = yield* ReviewBed.keepAlive(connections)
        const known = yield* ReviewBed.keepAlive(connections)
        const good = ReviewBed.ask(secureOrigin, ReviewBed.goodToken, known)
        const idle = yield* ProcessMemory.read(bundle.pid)
        const statuses = new Map<number, number>()
        const bogus = (n: number) =>
          Effect.map(ReviewBed.ask(secureOrigin, `bogus-${n}-${"x".repeat(800)}`, strangers), (status) => {
            statuses.set(status, (statuses.get(status) ?? 0) + 1)
          })
        // What connections and first requests cost is not the flood's.
        assert.strictEqual(yield* good, 400)
        yield* Effect.forEach(
          Array.from({ length: 3000 }, (_, n) => -n),
          bogus,
          { concurrency: connections, discard: true }
        )
        const before = yield* ProcessMemory.read(bundle.pid)
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
        const { peak } = yield* ProcessMemory.read(bundle.pid)
        const { most, tokenReviews } = yield* asked
        const sizes = [idle.resident, before.resident, peak].map((size) => size.toFixed(1)).join(", ")
        yield* Console.log(
          `${tokenReviews} TokenReviews, ${most} at most at once; MiB idle, at first, at most: ${sizes}`
        )
        assert.deepStrictEqual([...statuses], [[401, flood]])
        assert.isAtMost(most, 16)
        assert.isBelow(peak - before.resident, 50)
      }).pipe(Effect.scoped, shownOnFailure),
    { timeout: 1_200_000 }
  )
})
