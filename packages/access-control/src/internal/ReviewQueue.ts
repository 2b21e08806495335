import { Clock, Context, Effect, Layer, Metric, Semaphore } from "effect"
import type { ReviewKind } from "../AccessError.ts"
import * as Metrics from "../Metrics.ts"
import { ReviewError, Unreachable } from "../Reviews.ts"
import * as Limits from "./Limits.ts"

/** An answer, and when its question was sent: what was decided may have changed since. */
export interface Answer<A> {
  readonly value: A
  readonly askedAt: number
}

/** The one way to the API server: bounds how many reviews are under way and how long each takes, and counts them. */
export class ReviewQueue extends Context.Service<
  ReviewQueue,
  {
    /** A review of a caller of whom nothing is known yet leaves room for those of others. */
    readonly ask: <A>(
      kind: ReviewKind,
      isStranger: boolean,
      review: Effect.Effect<A, ReviewError>
    ) => Effect.Effect<Answer<A>, ReviewError>
  }
>()("@registry-packages-proxy/access-control/internal/ReviewQueue") {
  static readonly layer: Layer.Layer<ReviewQueue> = Layer.effect(
    ReviewQueue,
    Effect.gen(function* () {
      const everyone = yield* Semaphore.make(Limits.reviews)
      const strangers = yield* Semaphore.make(Limits.reviewsOfStrangers)
      const outages = makeOutages()
      let underWay = 0
      const count = (change: 1 | -1) =>
        Effect.suspend(() => Metric.update(Metrics.reviewsUnderWay, (underWay += change)))

      const timed = Effect.fnUntraced(function* <A>(
        kind: ReviewKind,
        review: Effect.Effect<A, ReviewError>
      ): Effect.fn.Return<Answer<A>, ReviewError> {
        const askedAt = yield* Clock.currentTimeMillis
        const answer = yield* Effect.result(
          Effect.timeoutOrElse(review, {
            duration: Limits.reviewTimeout,
            orElse: () => Effect.fail(tooSlow)
          })
        )
        const took = (yield* Clock.currentTimeMillis) - askedAt
        const outcome = answer._tag === "Success" ? "answered" : answer.failure.reason._tag
        yield* Metric.update(Metrics.reviewSeconds(kind, outcome), took / 1000)
        yield* outages(kind, answer._tag === "Success" ? undefined : answer.failure)
        return { value: yield* Effect.fromResult(answer), askedAt }
      })

      return ReviewQueue.of({
        ask: (kind, isStranger, review) => {
          const asked = everyone.withPermits(1)(
            Effect.acquireUseRelease(
              count(1),
              () => timed(kind, review),
              () => count(-1)
            )
          )
          return isStranger ? strangers.withPermits(1)(asked) : asked
        }
      })
    })
  )
}

const tooSlow = new ReviewError({
  reason: new Unreachable({ detail: `no answer within ${Limits.reviewTimeout / 1000} s` })
})

const advice = {
  Unreachable: "decisions of the last 1h30m are used meanwhile",
  Forbidden: "let this program's service account create tokenreviews and subjectaccessreviews",
  Invalid: "callers are turned away"
} as const

/** Says when reviews begin to fail, fail otherwise, and work again: once each, however many there are. */
const makeOutages = () => {
  const failing = new Map<ReviewKind, string>()
  return (kind: ReviewKind, error: ReviewError | undefined): Effect.Effect<void> => {
    const before = failing.get(kind)
    if (error === undefined) {
      if (before === undefined) return Effect.void
      failing.delete(kind)
      return Effect.logInfo(`the API server answers ${kind}s again`)
    }
    const { _tag, detail } = error.reason
    if (before === _tag) return Effect.void
    failing.set(kind, _tag)
    return Effect.logWarning(`the API server answers no ${kind}: ${detail}; ${advice[_tag]}`)
  }
}
