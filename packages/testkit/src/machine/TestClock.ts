import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { settle } from "./VirtualTime.ts"

/** Effect's own, for a layer that needs one. */
export const { layer } = TestClock

// Effect's gives the others one turn before time passes and none after it, which is as much as they need where each goes
// on until it has to wait. Where fibers are made to yield, it is too little.
const settled = (passing: Effect.Effect<void>): Effect.Effect<void> =>
  settle.pipe(Effect.andThen(passing), Effect.andThen(settle))

/** As Effect's: lets so much time pass, once everybody waits for it. */
export const adjust = (duration: Duration.Input): Effect.Effect<void> => settled(TestClock.adjust(duration))

/** As Effect's: lets time pass until then, in milliseconds since the epoch, once everybody waits for it. */
export const setTime = (timestamp: number): Effect.Effect<void> => settled(TestClock.setTime(timestamp))
