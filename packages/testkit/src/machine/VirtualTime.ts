import { Clock, Context, Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { installed } from "./CountingScheduler.ts"

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

/** Turns of the event loop in a row that find nothing to do before nothing is thought to come by itself. */
const quietTurns = 3

const isReadingFiles = (): boolean =>
  process.getActiveResourcesInfo().some((resource) => resource.startsWith("FSReq"))

/**
 * Returns once no fiber is left that could take a step and no file is read or written: the rest waits for time, or for
 * the test. Sockets and timers are not waited for, nor whole files: of `readFile` and `writeFile` Node does not tell.
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
