import { Clock, Duration, Effect, Metric, Option, Schedule, type Tracer } from "effect"
import * as Metrics from "../../Metrics.ts"
import { TimedOut } from "../../RegistryError.ts"
import * as Limits from "../wire/Limits.ts"
import { permanent, type PullFailure } from "../wire/PullFailure.ts"

const backoff = Schedule.exponential("250 millis").pipe(Schedule.jittered)

/**
 * Makes a schedule of retries with the delays `waits`. If a failure has a longer `retryAfter`, this is the delay. The
 * schedule ends after `times` retries, after a failure that is not retryable, or if the next delay would end after the
 * deadline.
 */
const retryPolicy = <Output>(waits: Schedule.Schedule<Output>, times: number, deadlineMillis: number) =>
  waits.pipe(
    Schedule.setInputType<PullFailure>(),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(
        Duration.max(
          duration,
          Option.getOrElse(input.retryAfter, () => Duration.zero)
        )
      )
    ),
    Schedule.while(({ input, attempt, now, duration }) =>
      Effect.succeed(
        input.isRetryable && attempt <= times && now + Duration.toMillis(duration) <= deadlineMillis
      )
    )
  )

const eventNames = { attempt: "retry", resume: "resume" } as const

/** Adds the event of a retry or resume to the span of the operation. */
const addSpanEvent = (kind: Metrics.RetryKind, offset: number): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const span: Tracer.AnySpan | undefined = fiber.cache.span
    if (span?._tag === "Span" && span.status._tag === "Started") {
      span.event(eventNames[kind], fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), { offset })
    }
    return Effect.void
  })

const counted = <A, E, R>(
  kind: Metrics.RetryKind,
  offset: number,
  attempt: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.andThen(Effect.andThen(Metric.update(Metrics.retries(kind), 1), addSpanEvent(kind, offset)), attempt)

const countedAfterFirst = <A, E, R>(
  offset: number,
  attempt: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Schedule.CurrentMetadata, (metadata) =>
    metadata.attempt === 0 ? attempt : counted("attempt", offset, attempt)
  )

/** Returns the deadline of an operation that starts now, in milliseconds since the epoch. */
export const newDeadline: Effect.Effect<number> = Effect.map(
  Clock.currentTimeMillis,
  (now) => now + Duration.toMillis(Limits.totalAttemptsTimeout)
)

/**
 * Runs `attempt`, and retries retryable failures. Makes at most {@link Limits.maxAttempts} attempts. Fails without
 * further attempts if a Retry-After leaves no time for a retry. Fails with `TimedOut` at the deadline. The span's
 * events contain `offset`, the offset of the requested bytes in the blob.
 */
export const retryUntilFirstByte = <A, R>(
  attempt: Effect.Effect<A, PullFailure, R>,
  deadlineMillis: number,
  offset = 0
): Effect.Effect<A, PullFailure, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    countedAfterFirst(offset, attempt).pipe(
      Effect.retry(retryPolicy(backoff, Limits.maxAttempts - 1, deadlineMillis)),
      Effect.timeoutOrElse({
        duration: Math.max(0, deadlineMillis - now),
        orElse: () => Effect.fail(permanent(new TimedOut({ phase: "attempts" })))
      })
    )
  )

/**
 * The delays before the resumes of one body. The first delay is {@link Limits.firstResumeDelay}. Each further delay is
 * twice the previous delay, but at most {@link Limits.maxResumeDelay}. After a connection that delivered at least
 * {@link Limits.resumeProgress} bytes, there is no delay, and the following delay is {@link Limits.firstResumeDelay}
 * again. The delays protect a server that breaks all bodies.
 */
export class ResumeDelays {
  #next = Limits.firstResumeDelay

  /**
   * Returns the delay before the next resume. `receivedBytes` is the number of bytes that the last connection
   * delivered.
   */
  after(receivedBytes: number): Duration.Duration {
    if (receivedBytes >= Limits.resumeProgress) {
      this.#next = Limits.firstResumeDelay
      return Duration.zero
    }
    const delay = this.#next
    this.#next = Duration.min(Duration.times(delay, 2), Limits.maxResumeDelay)
    return delay
  }
}

/**
 * Waits for the next delay of `delays`, and then runs `attempt` to resume a body at `offset`. Retries retryable
 * failures. Makes at most {@link Limits.maxResumes} attempts. Begins no attempt later than
 * {@link Limits.totalAttemptsTimeout} after the call. `receivedBytes` is the number of bytes that the broken connection
 * delivered.
 */
export const resume = <A, R>(
  attempt: Effect.Effect<A, PullFailure, R>,
  delays: ResumeDelays,
  { offset, receivedBytes }: { readonly offset: number; readonly receivedBytes: number }
): Effect.Effect<A, PullFailure, R> =>
  Effect.gen(function* () {
    const deadlineMillis = yield* newDeadline
    yield* Effect.sleep(delays.after(receivedBytes))
    const between = Schedule.forever.pipe(Schedule.modifyDelay(() => Effect.sync(() => delays.after(0))))
    return yield* Effect.retry(
      counted("resume", offset, attempt),
      retryPolicy(between, Limits.maxResumes - 1, deadlineMillis)
    )
  })
