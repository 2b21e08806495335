import { installed } from "@registry-packages-proxy/testkit/machine/CountingScheduler"
import { VirtualTime } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, type Fiber } from "effect"

/** What tells whether anything still moves without time passing. */
export class Motion {
  /** Calls to the file system under way: they end by themselves, in real time. */
  files = 0
  /** Steps taken so far by sockets and the registry. */
  steps = 0
  readonly moved = (): void => {
    this.steps++
  }
}

/** Turns of the event loop without a step of anybody after which nothing is thought to move. */
const quietTurns = 6

/** Returns when nothing moves any more but by time. Where that is judged too early, time passes a little early: it may. */
export const settle = (motion: Motion): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const scheduler = installed()
    let quiet = 0
    let before = motion.steps
    const look = () => {
      if (motion.files > 0 || motion.steps !== before || scheduler.pending > 0) {
        before = motion.steps
        quiet = 0
      } else if (++quiet > quietTurns) return resume(Effect.void)
      setImmediate(look)
    }
    setImmediate(look)
  })

/** Lets time pass, as many milliseconds as told, stopping wherever something waits for it. */
export const pass = Effect.fnUntraced(function* (motion: Motion, millis: number) {
  const time = yield* VirtualTime
  const until = time.now() + millis
  yield* settle(motion)
  while (time.now() < until) {
    const due = Math.min(time.nextDue() ?? until, until)
    yield* time.advance(Math.max(1, due - time.now()))
    yield* settle(motion)
  }
})

/** Lets time pass until `done`, at most so many milliseconds; tells whether it came to that. */
export const passUntil = Effect.fnUntraced(function* (motion: Motion, millis: number, done: () => boolean) {
  const time = yield* VirtualTime
  const until = time.now() + millis
  yield* settle(motion)
  while (!done()) {
    const due = time.nextDue()
    if (due === undefined || due > until) return false
    yield* time.advance(Math.max(1, due - time.now()))
    yield* settle(motion)
  }
  return true
})

/** As `passUntil`, for a fiber's end. */
export const passUntilEnd = (motion: Motion, millis: number, fiber: Fiber.Fiber<unknown, unknown>) =>
  passUntil(motion, millis, () => fiber.pollUnsafe() !== undefined)
