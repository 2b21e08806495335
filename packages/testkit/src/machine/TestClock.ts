import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { settle } from "./VirtualTime.ts"

/** Effect's TestClock, as a layer. */
export const { layer } = TestClock

// Effect's TestClock gives other fibers one turn before it advances, and afterwards waits only for fibers that it woke.
// Fibers that yield more often, or use files, need more turns.
const settled = (passing: Effect.Effect<void>): Effect.Effect<void> =>
  settle.pipe(Effect.andThen(passing), Effect.andThen(settle))

/** Runs `settle`, then Effect's `TestClock.adjust`, then `settle` again. */
export const adjust = (duration: Duration.Input): Effect.Effect<void> => settled(TestClock.adjust(duration))

/** Runs `settle`, then Effect's `TestClock.setTime` (milliseconds since the epoch), then `settle` again. */
export const setTime = (timestamp: number): Effect.Effect<void> => settled(TestClock.setTime(timestamp))
