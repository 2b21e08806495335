import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Stream } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { brief, follow, make, path, randomly, settled, stream, thing } from "../../Harness.ts"

/**
 * Returns the expected times of requests up to `until`, in milliseconds after the first failed request. `stretch` is
 * the random factor of every delay.
 */
const table = (stretch: number, until: number): ReadonlyArray<number> => {
  const times = [0]
  let delay = 800
  for (let at = delay * stretch; at <= until; at += delay * stretch) {
    times.push(at)
    delay = Math.min(delay * 2, 30_000)
  }
  return times
}

const tenMinutes = 600_000

describe("an API server that is down", () => {
  for (const random of [0, 0.5, 0.999]) {
    it.effect(
      `for 10 minutes from the start receives requests exactly as the table says (random number ${random})`,
      Effect.fn(
        function* () {
          const api = make()
          api.isDown = true
          yield* Effect.forkScoped(Stream.runDrain(stream(api)))
          yield* settled
          yield* TestClock.adjust(tenMinutes)
          const asked = api.requests.map(({ at }) => Math.round(at))
          assert.deepStrictEqual(
            asked,
            table(1 + random, tenMinutes).map((time) => Math.round(time))
          )
        },
        Effect.scoped,
        randomly(random)
      )
    )
  }

  it.effect(
    "after a watch receives watch requests as the table says, and the watch continues from its position",
    Effect.fn(
      function* () {
        const api = make({ sendsBookmarks: false })
        const events: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(stream(api), (event) => Effect.sync(() => events.push(brief(event))))
        )
        yield* settled
        yield* TestClock.adjust("1 minute")
        const before = api.requests.length
        api.isDown = true
        api.breakWatches()
        yield* settled
        yield* TestClock.adjust(tenMinutes)
        const asked = api.requests.slice(before).map(({ at }) => Math.round(at - 60_000))
        assert.deepStrictEqual(asked, table(1.5, tenMinutes).slice(1))
        for (const { query } of api.requests.slice(before)) assert.strictEqual(query?.["watch"], "true")
        api.store.apply(path, thing("meanwhile", "1"))
        api.isDown = false
        yield* TestClock.adjust("45 seconds")
        yield* settled
        assert.deepStrictEqual(events, [
          "Synced ",
          "UpToDate",
          ...asked.map(() => "AttemptFailed Unreachable"),
          "UpToDate",
          "Added meanwhile=1"
        ])
      },
      Effect.scoped,
      randomly(0.5)
    )
  )

  it.effect(
    "is retried after the first delay again, after two minutes without failures",
    Effect.fn(
      function* () {
        const api = make({ sendsBookmarks: false })
        const { next } = yield* follow(api)
        assert.strictEqual(yield* next, "Synced ")
        assert.strictEqual(yield* next, "UpToDate")
        const delayAfterDrop = Effect.gen(function* () {
          yield* settled
          yield* TestClock.adjust("10 seconds")
          const count = api.requests.length
          api.breakWatches()
          yield* settled
          const began = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
          yield* TestClock.adjust("40 seconds")
          assert.strictEqual(yield* next, "UpToDate")
          return (api.requests[count]?.at ?? 0) - began
        })
        // Each connection lasts less than a minute, which does not reset the delay.
        assert.strictEqual(yield* delayAfterDrop, 800)
        assert.strictEqual(yield* delayAfterDrop, 1600)
        assert.strictEqual(yield* delayAfterDrop, 3200)
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual(yield* delayAfterDrop, 800)
      },
      Effect.scoped,
      randomly(0)
    )
  )

  it.effect(
    "that sends Retry-After receives no request before that time",
    Effect.fn(
      function* () {
        const api = make()
        api.refuseWith = () => 429
        api.retryAfterSeconds = 20
        yield* Effect.forkScoped(Stream.runDrain(stream(api)))
        yield* settled
        yield* TestClock.adjust("19 seconds")
        assert.strictEqual(api.requests.length, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(api.requests.length, 2)
      },
      Effect.scoped,
      randomly(0)
    )
  )

  it.effect(
    "does not receive the retries of a hundred replicas at the same time",
    Effect.fn(function* () {
      const replicas = Array.from({ length: 100 }, () => make())
      for (const [seed, api] of replicas.entries()) {
        api.isDown = true
        yield* Effect.forkScoped(Random.withSeed(Stream.runDrain(stream(api)), seed))
      }
      yield* settled
      yield* TestClock.adjust(tenMinutes)
      const perSecond = new Map<number, number>()
      let total = 0
      for (const { requests } of replicas) {
        for (const { at } of requests) {
          // The first delays are short. After a minute, the requests of the replicas are spread over time.
          if (at < 60_000) continue
          total += 1
          perSecond.set(Math.floor(at / 1000), (perSecond.get(Math.floor(at / 1000)) ?? 0) + 1)
        }
      }
      const busiest = Math.max(...perSecond.values())
      const average = total / 540
      assert.isBelow(busiest, average * 6, `${busiest} in the busiest second, ${average} on average`)
    }, Effect.scoped)
  )
})
