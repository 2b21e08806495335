import { Clock, Context, Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { installed } from "./CountingScheduler.ts"

/** A TestClock that also knows its next timer, so that a test can advance exactly to it. */
export class VirtualTime extends Context.Service<
  VirtualTime,
  {
    /** The end of the next sleep, in milliseconds since the epoch. */
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
  // TestClock is read from the Clock service, so that this object is both.
  const watched: TestClock.TestClock = { ...clock, sleep }
  return Context.make(VirtualTime, time).pipe(Context.add(Clock.Clock, watched as Clock.Clock))
})

/** A clock that begins at the epoch. */
export const layer: Layer.Layer<VirtualTime> = Layer.effectContext(watch).pipe(
  Layer.provideMerge(TestClock.layer({ warningDelay: "1 hour" }))
)

/** Turns of the event loop without work after which nothing more is expected. */
const quietTurns = 3

const isReadingFiles = (): boolean =>
  process.getActiveResourcesInfo().some((resource) => resource.startsWith("FSReq"))

/**
 * Returns once no fiber can take a step and no file operation is in progress: all wait for time or for the test.
 * It does not wait for sockets, timers, `readFile` and `writeFile`: Node does not report the latter two.
 */
export const settle: Effect.Effect<void> = Effect.callback((resume) => {
  const scheduler = installed()
  let quiet = 0
  const look = () => {
    quiet = scheduler.pending === 0 && !isReadingFiles() ? quiet + 1 : 0
    if (quiet === quietTurns) return resume(Effect.void)
    setImmediate(look)
  }
  setImmediate(look)
})
