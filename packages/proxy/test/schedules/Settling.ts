import { installed } from "@registry-packages-proxy/testkit/machine/CountingScheduler"
import { VirtualTime } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, type Fiber } from "effect"

/** Counts the steps of everything that proceeds without time passing. */
export class Activity {
  /** File system calls in progress. They end in real time. */
  files = 0
  /** Steps of sockets and the registry so far. */
  steps = 0
  readonly moved = (): void => {
    this.steps++
  }
}

/** Turns of the event loop without any step, after which everything counts as settled. */
const quietTurns = 6

/**
 * Waits until nothing proceeds without time passing. If it returns too early, time passes a little early, which is
 * allowed.
 */
export const settle = (activity: Activity): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const scheduler = installed()
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

/** Lets `millis` of virtual time pass, pausing at each time that something waits for. */
export const pass = Effect.fnUntraced(function* (activity: Activity, millis: number) {
  const time = yield* VirtualTime
  const until = time.now() + millis
  yield* settle(activity)
  while (time.now() < until) {
    const due = Math.min(time.nextDue() ?? until, until)
    yield* time.advance(Math.max(1, due - time.now()))
    yield* settle(activity)
  }
})

/** Lets virtual time pass until `done` returns true, at most `millis`. Returns true if it did. */
export const passUntil = Effect.fnUntraced(function* (
  activity: Activity,
  millis: number,
  done: () => boolean
) {
  const time = yield* VirtualTime
  const until = time.now() + millis
  yield* settle(activity)
  while (!done()) {
    const due = time.nextDue()
    if (due === undefined || due > until) return false
    yield* time.advance(Math.max(1, due - time.now()))
    yield* settle(activity)
  }
  return true
})

/** Lets virtual time pass until a fiber ends, as `passUntil` does. */
export const passUntilEnd = (activity: Activity, millis: number, fiber: Fiber.Fiber<unknown, unknown>) =>
  passUntil(activity, millis, () => fiber.pollUnsafe() !== undefined)
