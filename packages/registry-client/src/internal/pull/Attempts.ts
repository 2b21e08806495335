import { Clock, Duration, Effect, Metric, Option, Schedule, type Tracer } from "effect"
import * as Metrics from "../../Metrics.ts"
import { TimedOut } from "../../RegistryError.ts"
import * as Limits from "../wire/Limits.ts"
import { final, type PullFailure } from "../wire/PullFailure.ts"

const backoff = Schedule.exponential("250 millis").pipe(Schedule.jittered)

/** Tries again at most `times`, and only where the wait ends before `deadline` (milliseconds since the epoch). */
const policy = <Output>(waits: Schedule.Schedule<Output>, times: number, deadline: number) =>
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
      Effect.succeed(input.retryable && attempt <= times && now + Duration.toMillis(duration) <= deadline)
    )
  )

const eventNames = { attempt: "retry", resume: "resume" } as const

/** Tells the span of the pull, or of what is resolved, of a try after the first. */
const tell = (kind: Metrics.RetryKind, offset: number): Effect.Effect<void> =>
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
  Effect.andThen(Effect.andThen(Metric.update(Metrics.retries(kind), 1), tell(kind, offset)), attempt)

const countedAfterFirst = <A, E, R>(
  offset: number,
  attempt: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Schedule.CurrentMetadata, (metadata) =>
    metadata.attempt === 0 ? attempt : counted("attempt", offset, attempt)
  )

/** The time at which work that starts now has used up its budget, in milliseconds since the epoch. */
export const deadline: Effect.Effect<number> = Effect.map(
  Clock.currentTimeMillis,
  (now) => now + Limits.attemptsBudget
)

/**
 * Makes an answer's first byte come: at most {@link Limits.maxAttempts} attempts, none later than `until`. A
 * Retry-After that does not fit ends the attempts at once. `offset` is where the answer is to begin, in bytes.
 */
export const beforeFirstByte = <A, R>(
  attempt: Effect.Effect<A, PullFailure, R>,
  until: number,
  offset = 0
): Effect.Effect<A, PullFailure, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    countedAfterFirst(offset, attempt).pipe(
      Effect.retry(policy(backoff, Limits.maxAttempts - 1, until)),
      Effect.timeoutOrElse({
        duration: Math.max(0, until - now),
        orElse: () => Effect.fail(final(new TimedOut({ phase: "attempts" })))
      })
    )
  )

/**
 * The waits before the resumes of one body. A connection that brought {@link Limits.resumeProgress} bytes is resumed at
 * once; after others the waits double, so that a server that breaks each body is not flooded.
 */
export class ResumeWaits {
  #next = Limits.firstResumeDelay

  /** The wait in milliseconds after a connection that brought so many bytes. */
  after(brought: number): number {
    if (brought >= Limits.resumeProgress) {
      this.#next = Limits.firstResumeDelay
      return 0
    }
    const wait = this.#next
    this.#next = Math.min(2 * wait, Limits.maxResumeDelay)
    return wait
  }
}

/**
 * Makes a body go on at `offset` whose last connection brought so many bytes: {@link Limits.maxResumes} tries in all.
 */
export const resumed = <A, R>(
  attempt: Effect.Effect<A, PullFailure, R>,
  waits: ResumeWaits,
  { brought, offset }: { readonly brought: number; readonly offset: number }
): Effect.Effect<A, PullFailure, R> =>
  Effect.gen(function* () {
    const until = yield* deadline
    yield* Effect.sleep(waits.after(brought))
    const between = Schedule.forever.pipe(Schedule.modifyDelay(() => Effect.sync(() => waits.after(0))))
    return yield* Effect.retry(
      counted("resume", offset, attempt),
      policy(between, Limits.maxResumes - 1, until)
    )
  })
