import { Effect, Option, Schedule, Schema } from "effect"

/** The condition was not met in any attempt. */
export class ConditionNotMet extends Schema.TaggedError<ConditionNotMet>()("ConditionNotMet", {
  message: Schema.String
}) {}

/** The number of attempts and the time between two attempts. */
export interface Attempts {
  readonly times: number
  readonly intervalMillis: number
}

const usual: Attempts = { times: 1500, intervalMillis: 20 }

/**
 * Repeats `look` until it returns a value. Fails with `ConditionNotMet` after all attempts (default: 1500, every 20
 * ms). `what` names the condition in the error.
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

/** Repeats `look` until it returns true. Fails like `value`. */
export const isTrue = <E, R>(what: string, look: Effect.Effect<boolean, E, R>, attempts?: Attempts) =>
  Effect.asVoid(
    value(
      what,
      Effect.map(look, (is) => (is ? Option.some(is) : Option.none())),
      attempts
    )
  )
