import { Cause, Effect, Exit, type Fiber, type Scope } from "effect"
import { BodyError, Stopped } from "../../BodyError.ts"

/** The cause with which waiting callers fail when the cache stops. */
export const stoppedCause = Cause.fail(new BodyError({ reason: new Stopped({}) }))

/**
 * Forks an effect into `scope`. Always runs `finish` with the effect's exit, even if `scope` is closed before the
 * effect's first step. `Effect.forkIn` alone does not guarantee this, because an interruptible fiber that is
 * interrupted before its first step runs no finalizer.
 */
export const forkWithFinish = <A, E, R>(
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
