import { Clock, Duration, Effect, Metric, Option, Schedule } from "effect"
import * as Metrics from "../Metrics.ts"
import { TimedOut } from "../RegistryError.ts"
import * as Limits from "./Limits.ts"
import { final, type PullFailure } from "./PullFailure.ts"

const backoff = Schedule.exponential("250 millis").pipe(
  Schedule.jittered,
  Schedule.setInputType<PullFailure>()
)

/** Tries again at most `times`, and only where the wait ends before `deadline` (milliseconds since the epoch). */
const policy = (times: number, deadline: number) =>
  backoff.pipe(
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(
        Duration.max(
          duration,
          Option.getOrElse(input.retryAfter, () => Duration.zero)
        )
      )
    ),
    Schedule.while(({ input, attempt, now, duration }) =>
      Effect.succeed(input.retryable && attempt <= times && now + Duration.toMillis(duration) <= deadline)
    )
  )

const counted = <A, E, R>(kind: Metrics.RetryKind, attempt: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.andThen(Metric.update(Metrics.retries(kind), 1), attempt)

const countedAfterFirst = <A, E, R>(attempt: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Schedule.CurrentMetadata, (metadata) =>
    metadata.attempt === 0 ? attempt : counted("attempt", attempt)
  )

/** The time at which work that starts now has used up its budget, in milliseconds since the epoch. */
export const deadline: Effect.Effect<number> = Effect.map(
  Clock.currentTimeMillis,
  (now) => now + Limits.attemptsBudget
)

/**
 * Makes an answer's first byte come: at most {@link Limits.maxAttempts} attempts, none later than `until`. A
 * Retry-After that does not fit ends the attempts at once.
 */
export const beforeFirstByte = <A, R>(
  attempt: Effect.Effect<A, PullFailure, R>,
  until: number
): Effect.Effect<A, PullFailure, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    countedAfterFirst(attempt).pipe(
      Effect.retry(policy(Limits.maxAttempts - 1, until)),
      Effect.timeoutOrElse({
        duration: Math.max(0, until - now),
        orElse: () => Effect.fail(final(new TimedOut({ phase: "attempts" })))
      })
    )
  )

/** Makes a broken body go on: the first try at once, {@link Limits.maxResumes} tries in all. */
export const resumed = <A, R>(attempt: Effect.Effect<A, PullFailure, R>): Effect.Effect<A, PullFailure, R> =>
  Effect.flatMap(deadline, (until) =>
    Effect.retry(counted("resume", attempt), policy(Limits.maxResumes - 1, until))
  )
