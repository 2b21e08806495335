import { Cause, Effect, Exit, type Fiber, type Scope } from "effect"
import { BodyError, Stopped } from "../../BodyError.ts"

/** What those who wait for something in the background are told when it is interrupted. */
export const stopped = Cause.fail(new BodyError({ reason: new Stopped({}) }))

/**
 * Runs an effect in a scope of its own choosing, so that `finish` follows come what may: also where the scope is closed
 * already, or closes before the first step. Others wait for what `finish` tells them.
 *
 * `forkIn` alone promises neither: an interruptible fiber that is interrupted before its first step runs nothing.
 */
export const forkFinished = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  finish: (exit: Exit.Exit<A, E>) => Effect.Effect<void>,
  scope: Scope.Scope
): Effect.Effect<Fiber.Fiber<void>, never, R> =>
  effect.pipe(
    Effect.interruptible,
    Effect.onExit(finish),
    Effect.ignoreCause,
    Effect.forkIn(scope, { uninterruptible: true }),
    Effect.tap((fiber) => (fiber.pollUnsafe() === undefined ? Effect.void : finish(Exit.interrupt()))),
    Effect.uninterruptible
  )
