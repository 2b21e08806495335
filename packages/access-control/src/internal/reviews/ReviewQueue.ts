import { Cause, Clock, Context, Deferred, Effect, type Exit, FiberSet, Layer, Metric } from "effect"
import { Overloaded, type ReviewKind } from "../../AccessError.ts"
import * as Metrics from "../../Metrics.ts"
import { ReviewError, Unreachable } from "../../Reviews.ts"
import * as Limits from "../Limits.ts"
import { type Lane, ReviewLanes, type Turn } from "./ReviewLanes.ts"
import * as ReviewOutages from "./ReviewOutages.ts"

/** An answer, and when its question was sent: what was decided may have changed since. */
export interface Answer<A> {
  readonly value: A
  readonly askedAt: number
}

/** A review that is to be sent. */
export interface Asked<A> {
  readonly kind: ReviewKind
  readonly lane: Lane
  /** True where an earlier decision is there for the case that the API server is silent. */
  readonly hasStandIn: boolean
  readonly review: Effect.Effect<A, ReviewError>
}

/**
 * The one way to the API server: bounds how many reviews are queued and in progress, how long each waits and takes, and
 * counts them. docs/architecture.md says in which order they are sent.
 */
export class ReviewQueue extends Context.Service<
  ReviewQueue,
  {
    /**
     * Sends a review once it is its turn. Interrupted before that, it is never sent and its place in the queue is free.
     * Fails with `Overloaded` where its turn did not come though the API server answers.
     */
    readonly ask: <A>(asked: Asked<A>) => Effect.Effect<Answer<A>, ReviewError | Overloaded>
    /** Counts a caller that nothing lets in yet as waiting, over all kinds of decision; fails where too many do. */
    readonly wait: <A, E>(decision: Effect.Effect<A, E>) => Effect.Effect<A, E | Overloaded>
  }
>()("@registry-packages-proxy/access-control/internal/ReviewQueue") {
  static readonly layer: Layer.Layer<ReviewQueue> = Layer.effect(
    ReviewQueue,
    Effect.suspend(() => make)
  )
}

const noAnswer = new ReviewError({
  reason: new Unreachable({ detail: `no answer within ${Limits.reviewTimeout / 1000} s` })
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
    wake: (millis) =>
      void wake(
        Effect.andThen(
          Effect.sleep(millis),
          Effect.sync(() => changed(() => lanes.advance()))
        )
      )
  })

  const changed = (change: () => void): void => {
    change()
    Metrics.reviewsUnderWay.updateUnsafe(lanes.begun, metrics)
    Metrics.reviewsQueued.updateUnsafe(lanes.queued, metrics)
  }

  const drop = (reason: Metrics.DropReason) => Metrics.reviewsDropped(reason).updateUnsafe(1, metrics)

  const tooLate = Effect.suspend(() => Effect.fail(lanes.isSilent ? noAnswer : new Overloaded({})))

  const timed = Effect.fnUntraced(function* <A>({
    kind,
    review
  }: Asked<A>): Effect.fn.Return<Answer<A>, ReviewError> {
    const askedAt = yield* Clock.currentTimeMillis
    const answer = yield* Effect.result(
      Effect.timeoutOrElse(review, {
        duration: Limits.reviewTimeout,
        orElse: () => Effect.fail(noAnswer)
      }).pipe(Effect.withSpan(kind, {}, { captureStackTrace: false }))
    )
    const took = (yield* Clock.currentTimeMillis) - askedAt
    const outcome = answer._tag === "Success" ? "answered" : answer.failure.reason._tag
    yield* Metric.update(Metrics.reviewSeconds(kind, outcome), took / 1000)
    changed(() => lanes.heard(answer._tag === "Success" || answer.failure !== noAnswer))
    yield* outages(kind, answer._tag === "Success" ? undefined : answer.failure)
    return { value: yield* Effect.fromResult(answer), askedAt }
  })

  const queue = <A>(asked: Asked<A>): Effect.Effect<Answer<A>, ReviewError | Overloaded> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const begun = Deferred.makeUnsafe<void, Overloaded>()
        const turn: Turn = {
          lane: asked.lane,
          since: clock.currentTimeMillisUnsafe(),
          state: "queued",
          begin: () => void Deferred.doneUnsafe(begun, Effect.void),
          pushOut: () => {
            drop("overflow")
            Deferred.doneUnsafe(begun, Effect.fail(new Overloaded({})))
          }
        }
        changed(() => lanes.enter(turn))
        return { turn, begun }
      }),
      ({ begun, turn }) =>
        turn.state === "begun"
          ? timed(asked)
          : Deferred.await(begun).pipe(
              Effect.timeoutOrElse({ duration: Limits.maxQueueTime, orElse: () => tooLate }),
              // Begun by another's end: not within its stack.
              Effect.andThen(Effect.yieldNow),
              Effect.andThen(timed(asked))
            ),
      ({ turn }, exit) =>
        Effect.sync(() => {
          if (turn.state === "queued") drop(isInterrupted(exit) ? "abandoned" : "expired")
          changed(() => lanes.leave(turn))
        })
    )

  let waiting = 0
  const count = (change: 1 | -1) => Metrics.callersWaiting.updateUnsafe((waiting += change), metrics)

  return ReviewQueue.of({
    ask: (asked) =>
      Effect.suspend(() =>
        asked.hasStandIn && lanes.isSilent && !lanes.isOpen(asked.lane) ? Effect.fail(noAnswer) : queue(asked)
      ),
    wait: (decision) =>
      Effect.acquireUseRelease(
        Effect.suspend(() =>
          waiting >= Limits.maxWaiting ? new Overloaded({}) : Effect.sync(() => count(1))
        ),
        () => decision,
        () => Effect.sync(() => count(-1))
      )
  })
})
