import { Effect, Option, Schedule, Schema } from "effect"

/** The condition that {@link value} or {@link isTrue} checks was not met in any attempt. */
export class ConditionNotMet extends Schema.TaggedError<ConditionNotMet>()("ConditionNotMet", {
  message: Schema.String
}) {}

/**
 * Limits of polling. `times` is the number of retries after the first attempt. `intervalMillis` is the pause before
 * each retry.
 */
export interface Attempts {
  readonly times: number
  readonly intervalMillis: number
}

const usual: Attempts = { times: 1500, intervalMillis: 20 }

/**
 * Repeats `look` until it returns a value, and returns this value. By default, retries up to 1500 times with pauses of
 * 20 ms. Fails with `ConditionNotMet` after the last retry. `what` names the condition in the error message. Does not
 * retry if `look` itself fails.
 */
export const value = <A, E, R>(
  what: string,
  look: Effect.Effect<Option.Option<A>, E, R>,
  { intervalMillis, times }: Attempts = usual
): Effect.Effect<A, E | ConditionNotMet, R> =>
  look.pipe(
    Effect.flatMap(
      Option.match({
        onNone: () => Effect.fail(new ConditionNotMet({ message: `${what}: not after ${times} attempts` })),
        onSome: (seen: A) => Effect.succeed(seen)
      })
    ),
    Effect.retry({
      times,
      schedule: Schedule.spaced(intervalMillis),
      while: (error) => error instanceof ConditionNotMet
    })
  )

/** Repeats `look` until it returns true. The retries and the errors are the same as in {@link value}. */
export const isTrue = <E, R>(what: string, look: Effect.Effect<boolean, E, R>, attempts?: Attempts) =>
  Effect.asVoid(
    value(
      what,
      Effect.map(look, (is) => (is ? Option.some(is) : Option.none())),
      attempts
    )
  )
