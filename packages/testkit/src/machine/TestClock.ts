import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { settle } from "./VirtualTime.ts"

/** Effect's TestClock, as a layer. */
export const { layer } = TestClock

// Effect's TestClock lets fibers run for one turn before time passes and none after it. That is too little for fibers
// that yield.
const settled = (passing: Effect.Effect<void>): Effect.Effect<void> =>
  settle.pipe(Effect.andThen(passing), Effect.andThen(settle))

/** Like Effect's: passes time once every fiber waits. */
export const adjust = (duration: Duration.Input): Effect.Effect<void> => settled(TestClock.adjust(duration))

/** Like Effect's: passes time until `timestamp` (milliseconds since the epoch) once every fiber waits. */
export const setTime = (timestamp: number): Effect.Effect<void> => settled(TestClock.setTime(timestamp))
