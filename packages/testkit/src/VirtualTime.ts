import { Clock, Context, Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"

/** A TestClock that tells when something next waits for it, so that time can pass to there and no further. */
export class VirtualTime extends Context.Service<
  VirtualTime,
  {
    /** When the next sleep ends, in milliseconds since the epoch. */
    readonly nextDue: () => number | undefined
    readonly now: () => number
    readonly advance: (millis: number) => Effect.Effect<void>
  }
>()("@registry-packages-proxy/testkit/VirtualTime") {}

const watch = Effect.gen(function* () {
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  const due = new Set<{ readonly at: number }>()
  const sleep = (duration: Duration.Duration): Effect.Effect<void> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const waiting = { at: clock.currentTimeMillisUnsafe() + Duration.toMillis(duration) }
        due.add(waiting)
        return waiting
      }),
      () => clock.sleep(duration),
      (waiting) => Effect.sync(() => void due.delete(waiting))
    )
  const time = VirtualTime.of({
    nextDue: () => {
      let next = Number.POSITIVE_INFINITY
      for (const { at } of due) next = Math.min(next, at)
      return Number.isFinite(next) ? next : undefined
    },
    now: () => clock.currentTimeMillisUnsafe(),
    advance: (millis) => clock.adjust(millis)
  })
  // What asks for the TestClock finds it in the clock.
  const watched: TestClock.TestClock = { ...clock, sleep }
  return Context.make(VirtualTime, time).pipe(Context.add(Clock.Clock, watched as Clock.Clock))
})

/** A clock of its own, which begins at the epoch. */
export const layer: Layer.Layer<VirtualTime> = Layer.effectContext(watch).pipe(
  Layer.provideMerge(TestClock.layer({ warningDelay: "1 hour" }))
)
