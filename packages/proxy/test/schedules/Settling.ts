import { installedScheduler } from "@registry-packages-proxy/testkit/machine/CountingScheduler"
import { VirtualTime } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, type Fiber } from "effect"

/** Counters of activity at the current virtual time. `settle` waits for the end of the activity. */
export class Activity {
  /** The number of file system calls in progress. */
  files = 0
  /** The number of times that sockets or the test registry have made progress. */
  steps = 0
  readonly moved = (): void => {
    this.steps++
  }
}

/** Number of event loop turns without progress, after which `settle` returns. */
const quietTurns = 6

/**
 * Waits until nothing more happens at the current virtual time. Sometimes returns a little too early. The checks of a
 * schedule tolerate this.
 */
export const settle = (activity: Activity): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const scheduler = installedScheduler()
    let quiet = 0
    let before = activity.steps
    const look = () => {
      if (activity.files > 0 || activity.steps !== before || scheduler.pending > 0) {
        before = activity.steps
        quiet = 0
      } else if (++quiet > quietTurns) return resume(Effect.void)
      setImmediate(look)
    }
    setImmediate(look)
  })

/** Advances virtual time by `millis`. Calls `settle` whenever a timer ends. */
export const advance = Effect.fnUntraced(function* (activity: Activity, millis: number) {
  const time = yield* VirtualTime
  const until = time.now() + millis
  yield* settle(activity)
  while (time.now() < until) {
    const due = Math.min(time.nextWakeUp() ?? until, until)
    yield* time.advance(Math.max(1, due - time.now()))
    yield* settle(activity)
  }
})

/**
 * Advances virtual time until `done` returns true. Returns false if this takes more than `millis` or no timer is left.
 */
export const advanceUntil = Effect.fnUntraced(function* (
  activity: Activity,
  millis: number,
  done: () => boolean
) {
  const time = yield* VirtualTime
  const until = time.now() + millis
  yield* settle(activity)
  while (!done()) {
    const due = time.nextWakeUp()
    if (due === undefined || due > until) return false
    yield* time.advance(Math.max(1, due - time.now()))
    yield* settle(activity)
  }
  return true
})

/** Advances virtual time until a fiber ends. Returns false if this takes more than `millis` or no timer is left. */
export const advanceUntilEnd = (activity: Activity, millis: number, fiber: Fiber.Fiber<unknown, unknown>) =>
  advanceUntil(activity, millis, () => fiber.pollUnsafe() !== undefined)
