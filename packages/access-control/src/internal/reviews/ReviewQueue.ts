import { Cause, Clock, Context, Deferred, Duration, Effect, type Exit, FiberSet, Layer, Metric } from "effect"
import { Overloaded, type ReviewKind } from "../../AccessError.ts"
import * as Metrics from "../../Metrics.ts"
import { ReviewError, Unreachable } from "../../ReviewError.ts"
import * as Limits from "../Limits.ts"
import { type Lane, ReviewLanes, type ReviewEntry } from "./ReviewLanes.ts"
import * as ReviewOutages from "./ReviewOutages.ts"

/**
 * The answer to a review, and the time at which the review was sent. The lifetime of the decision begins at that time.
 */
export interface ReviewResult<A> {
  readonly value: A
  /** Milliseconds since the epoch. */
  readonly sentAt: number
}

/** A review to be sent. */
export interface ReviewRequest<A> {
  readonly kind: ReviewKind
  readonly lane: Lane
  /**
   * True if the caller can reuse a stale decision. If this is true and the last review timed out, `send` does not queue
   * the review. It sends the review at once, or fails at once.
   */
  readonly hasStaleDecision: boolean
  readonly review: Effect.Effect<A, ReviewError>
}

/**
 * Sends all reviews, and counts them in the metrics. Limits how many reviews are queued and in progress, how long a
 * review is queued, and how long it takes. docs/architecture.md describes the order in which reviews are sent.
 */
export class ReviewQueue extends Context.Service<
  ReviewQueue,
  {
    /**
     * Sends a review and returns the answer. The review is queued until it may be sent. If the caller is interrupted
     * while the review is queued, removes the review from the queue.
     *
     * Fails with `ReviewError` if the sent review fails. Fails with `Overloaded` if a newer review evicts this review
     * from the queue. Also fails if the review is still queued after `Limits.maxQueueTime`. The error is then
     * `ReviewError` if the last completed review timed out, and `Overloaded` otherwise.
     */
    readonly send: <A>(request: ReviewRequest<A>) => Effect.Effect<ReviewResult<A>, ReviewError | Overloaded>
    /**
     * Runs `decision`. The caller counts as waiting until `decision` ends. Fails with `Overloaded` if
     * `Limits.maxWaiting` callers already wait.
     */
    readonly whileWaiting: <A, E>(decision: Effect.Effect<A, E>) => Effect.Effect<A, E | Overloaded>
  }
>()("@registry-packages-proxy/access-control/internal/ReviewQueue") {
  static readonly layer: Layer.Layer<ReviewQueue> = Layer.effect(
    ReviewQueue,
    Effect.suspend(() => make)
  )
}

const noAnswer = new ReviewError({
  reason: new Unreachable({
    detail: `the API server did not answer within ${Duration.toSeconds(Limits.reviewTimeout)} s`
  })
})

const isInterrupted = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && Cause.hasInterrupts(exit.cause)

const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const wake = yield* FiberSet.makeRuntime<never>()
  const outages = ReviewOutages.make()
  const lanes: ReviewLanes = new ReviewLanes({
    now: () => clock.currentTimeMillisUnsafe(),
    wakeAfter: (millis) =>
      void wake(
        Effect.andThen(
          Effect.sleep(millis),
          Effect.sync(() => applyChange(() => lanes.advance()))
        )
      )
  })

  const applyChange = (change: () => void): void => {
    change()
    Metrics.reviewsInProgress.updateUnsafe(lanes.inProgressCount, metrics)
    Metrics.reviewsQueued.updateUnsafe(lanes.queuedCount, metrics)
  }

  const drop = (reason: Metrics.DropReason) => Metrics.reviewsDropped(reason).updateUnsafe(1, metrics)

  const tooLate = Effect.suspend(() => Effect.fail(lanes.isSilent ? noAnswer : new Overloaded({})))

  const timed = Effect.fnUntraced(function* <A>({
    kind,
    review
  }: ReviewRequest<A>): Effect.fn.Return<ReviewResult<A>, ReviewError> {
    const sentAt = yield* Clock.currentTimeMillis
    const answer = yield* Effect.result(
      Effect.timeoutOrElse(review, {
        duration: Limits.reviewTimeout,
        orElse: () => Effect.fail(noAnswer)
      }).pipe(Effect.withSpan(kind, {}, { captureStackTrace: false }))
    )
    const took = (yield* Clock.currentTimeMillis) - sentAt
    const outcome = answer._tag === "Success" ? "answered" : answer.failure.reason._tag
    yield* Metric.update(Metrics.reviewSeconds(kind, outcome), took / 1000)
    applyChange(() => lanes.recordOutcome(answer._tag === "Success" || answer.failure !== noAnswer))
    yield* outages(kind, answer._tag === "Success" ? undefined : answer.failure)
    return { value: yield* Effect.fromResult(answer), sentAt }
  })

  const queue = <A>(request: ReviewRequest<A>): Effect.Effect<ReviewResult<A>, ReviewError | Overloaded> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const begun = Deferred.makeUnsafe<void, Overloaded>()
        const entry: ReviewEntry = {
          lane: request.lane,
          queuedAt: clock.currentTimeMillisUnsafe(),
          state: "queued",
          begin: () => void Deferred.doneUnsafe(begun, Effect.void),
          evict: () => {
            drop("overflow")
            Deferred.doneUnsafe(begun, Effect.fail(new Overloaded({})))
          }
        }
        applyChange(() => lanes.enter(entry))
        return { entry, begun }
      }),
      ({ begun, entry }) =>
        entry.state === "begun"
          ? timed(request)
          : Deferred.await(begun).pipe(
              Effect.timeoutOrElse({ duration: Limits.maxQueueTime, orElse: () => tooLate }),
              // This review began inside the call that ended another review. The yield lets that call return first.
              Effect.andThen(Effect.yieldNow),
              Effect.andThen(timed(request))
            ),
      ({ entry }, exit) =>
        Effect.sync(() => {
          if (entry.state === "queued") drop(isInterrupted(exit) ? "abandoned" : "expired")
          applyChange(() => lanes.leave(entry))
        })
    )

  let waiting = 0
  const count = (change: 1 | -1) => Metrics.callersWaiting.updateUnsafe((waiting += change), metrics)

  return ReviewQueue.of({
    send: (request) =>
      Effect.suspend(() =>
        request.hasStaleDecision && lanes.isSilent && !lanes.isOpen(request.lane)
          ? Effect.fail(noAnswer)
          : queue(request)
      ),
    whileWaiting: (decision) =>
      Effect.acquireUseRelease(
        Effect.suspend(() =>
          waiting >= Limits.maxWaiting ? new Overloaded({}) : Effect.sync(() => count(1))
        ),
        () => decision,
        () => Effect.sync(() => count(-1))
      )
  })
})
