import { installedScheduler } from "@registry-packages-proxy/testkit/machine/CountingScheduler"
import { VirtualTime } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, type Fiber } from "effect"

/** Counts progress that needs no virtual time, so that `settle` can wait for its end. */
export class Activity {
  /** The number of file system calls in progress. They need no virtual time. */
  files = 0
  /** The number of steps that sockets and the registry have taken so far. */
  steps = 0
  readonly moved = (): void => {
    this.steps++
  }
}

/** After this number of turns of the event loop without progress, everything counts as settled. */
const quietTurns = 6

/**
 * Waits for the end of all progress that needs no virtual time. If this returns too early, virtual time advances a
 * little too early, which every schedule allows.
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

/** Advances virtual time by `millis`. Stops and settles at each time at which a timer ends. */
export const pass = Effect.fnUntraced(function* (activity: Activity, millis: number) {
  const time = yield* VirtualTime
  const until = time.now() + millis
  yield* settle(activity)
  while (time.now() < until) {
    const due = Math.min(time.nextWakeUp() ?? until, until)
    yield* time.advance(Math.max(1, due - time.now()))
    yield* settle(activity)
  }
})

/** Advances virtual time until `done` returns true, by at most `millis`. Returns the last result of `done`. */
export const passUntil = Effect.fnUntraced(function* (
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

/** Advances virtual time until a fiber ends, by at most `millis`. Returns false if the fiber has not ended. */
export const passUntilEnd = (activity: Activity, millis: number, fiber: Fiber.Fiber<unknown, unknown>) =>
  passUntil(activity, millis, () => fiber.pollUnsafe() !== undefined)
