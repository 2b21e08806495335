import { Clock, Context, Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { installedScheduler } from "./CountingScheduler.ts"

/** A TestClock that knows when the next sleep ends, so that a test can advance exactly to that time. */
export class VirtualTime extends Context.Service<
  VirtualTime,
  {
    /**
     * Returns the time at which the next sleep ends, in milliseconds since the epoch. Returns undefined if no fiber
     * sleeps.
     */
    readonly nextWakeUp: () => number | undefined
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
    nextWakeUp: () => {
      let next = Number.POSITIVE_INFINITY
      for (const { at } of due) next = Math.min(next, at)
      return Number.isFinite(next) ? next : undefined
    },
    now: () => clock.currentTimeMillisUnsafe(),
    advance: (millis) => clock.adjust(millis)
  })
  // Effect reads the TestClock from the Clock service, so this object serves as both.
  const watched: TestClock.TestClock = { ...clock, sleep }
  return Context.make(VirtualTime, time).pipe(Context.add(Clock.Clock, watched as Clock.Clock))
})

/** Provides VirtualTime, and the Clock that it controls. The time starts at the epoch. */
export const layer: Layer.Layer<VirtualTime> = Layer.effectContext(watch).pipe(
  Layer.provideMerge(TestClock.layer({ warningDelay: "1 hour" }))
)

/** Number of successive turns of the event loop that must be idle before `settle` returns. */
const quietTurns = 3

const isReadingFiles = (): boolean =>
  process.getActiveResourcesInfo().some((resource) => resource.startsWith("FSReq"))

/**
 * Waits until no fiber is ready to run and no file operation is in progress. Does not wait for sockets and real timers.
 * Does not wait for `readFile` and `writeFile` either, because Node does not report them. Needs the CountingScheduler
 * that `machine/TestSetup` installs.
 */
export const settle: Effect.Effect<void> = Effect.callback((resume) => {
  const scheduler = installedScheduler()
  let quiet = 0
  const look = () => {
    quiet = scheduler.pending === 0 && !isReadingFiles() ? quiet + 1 : 0
    if (quiet === quietTurns) return resume(Effect.void)
    setImmediate(look)
  }
  setImmediate(look)
})
