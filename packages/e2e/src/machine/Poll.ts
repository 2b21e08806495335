import { Effect, Option, Schedule, Schema } from "effect"

/** What was waited for did not come about in all the attempts there are. */
export class NeverHappened extends Schema.TaggedError<NeverHappened>()("NeverHappened", {
  message: Schema.String
}) {}

/** How often to look, and how long to wait in between. */
export interface Attempts {
  readonly times: number
  readonly millis: number
}

const usual: Attempts = { times: 1500, millis: 20 }

/** Looks until there is something to be seen, and gives that; `what` says in an error what was waited for. */
export const until = <A, E, R>(
  what: string,
  look: Effect.Effect<Option.Option<A>, E, R>,
  { millis, times }: Attempts = usual
): Effect.Effect<A, E | NeverHappened, R> =>
  look.pipe(
    Effect.flatMap(
      Option.match({
        onNone: () => Effect.fail(new NeverHappened({ message: `${what}: not after ${times} attempts` })),
        onSome: (seen: A) => Effect.succeed(seen)
      })
    ),
    Effect.retry({
      times,
      schedule: Schedule.spaced(millis),
      while: (error) => error instanceof NeverHappened
    })
  )

/** Looks until it is so. */
export const untilTrue = <E, R>(what: string, look: Effect.Effect<boolean, E, R>, attempts?: Attempts) =>
  Effect.asVoid(
    until(
      what,
      Effect.map(look, (is) => (is ? Option.some(is) : Option.none())),
      attempts
    )
  )
