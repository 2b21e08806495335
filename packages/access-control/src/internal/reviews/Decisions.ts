import { Clock, Deferred, Duration, Effect, type Exit, type Fiber, Option, type Scope } from "effect"
import { type ReviewKind, Undecided } from "../../AccessError.ts"
import type { ReviewError } from "../../ReviewError.ts"
import * as Limits from "../Limits.ts"
import { type CachedDecision, DecisionCache } from "./DecisionCache.ts"
import type { Lane } from "./ReviewLanes.ts"
import type { ReviewQueue } from "./ReviewQueue.ts"

const maxStaleAgeMillis = Duration.toMillis(Limits.maxStaleAge)
const reviewRetryDelayMillis = Duration.toMillis(Limits.reviewRetryDelay)

/** A decision and its origin. */
export interface Decision<A> {
  /** None means refused. */
  readonly verdict: Option.Option<A>
  readonly from: "review" | "memory" | "stale"
}

interface Options<A> {
  readonly kind: ReviewKind
  readonly queue: ReviewQueue["Service"]
  /** Returns the time for which a new decision is fresh. */
  readonly lifetime: (verdict: Option.Option<A>) => Duration.Duration
  /**
   * Receives the value of a decision's `verdict`. Returns true if the decision is about a user who was recently allowed
   * access.
   */
  readonly isAllowedUser: (value: A) => boolean
  /**
   * If a review renews a decision about an allowed user, its lane is `renewal`. Otherwise, its lane is this
   * {@link Lane}.
   */
  readonly lane: Lane
}

interface DecisionRequest<A> {
  /** Identifies everything that the decision depends on. Contains no secret. */
  readonly key: string
  readonly review: Effect.Effect<Option.Option<A>, ReviewError>
  /** The expiry of the caller's credentials, in milliseconds since the epoch. Infinite if they do not expire. */
  readonly expiresAt: number
}

/** A queued or sent review. All callers with the same `key` wait for it. */
interface PendingReview<A> {
  readonly decision: Deferred.Deferred<Decision<A>, Undecided>
  callers: number
  isSent: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

/** Returns the cached decision if it can be used without a review, else undefined. */
const usable = <A>(entry: CachedDecision<A>, now: number): Decision<A> | undefined =>
  now < entry.freshUntil
    ? { verdict: entry.verdict, from: "memory" }
    : now < entry.retryAt
      ? { verdict: entry.verdict, from: "stale" }
      : undefined

/**
 * Makes the functions `decide` and `cached` for one kind of review. Until `CachedDecision.freshUntil`, a cached
 * decision is used without a new review. If the API server is unreachable, a cached decision is used until
 * `CachedDecision.staleUntil`. Concurrent requests with the same key share one review.
 *
 * A review in progress continues even if all its callers leave. A queued review is dropped when its last caller leaves.
 */
export const make = Effect.fnUntraced(function* <A>(options: Options<A>) {
  const { isAllowedUser, kind, lifetime, queue } = options
  const scope: Scope.Scope = yield* Effect.scope
  const cache = new DecisionCache<A>(isAllowedUser)
  const pendingReviews = new Map<string, PendingReview<A>>()

  const store = ({ expiresAt, key }: DecisionRequest<A>, verdict: Option.Option<A>, sentAt: number): void => {
    // A refusal stays in the cache after the credentials have expired.
    const end = Option.isSome(verdict) ? expiresAt : Number.POSITIVE_INFINITY
    cache.set(key, {
      verdict,
      decidedAt: sentAt,
      freshUntil: Math.min(sentAt + Duration.toMillis(lifetime(verdict)), end),
      staleUntil: Math.min(sentAt + maxStaleAgeMillis, end),
      retryAt: 0
    })
  }

  const staleDecision = Effect.fnUntraced(function* (
    key: string,
    { reason }: ReviewError
  ): Effect.fn.Return<Decision<A>, Undecided> {
    const now = yield* Clock.currentTimeMillis
    const entry = reason._tag === "Unreachable" ? cache.get(key, now) : undefined
    if (entry === undefined) return yield* new Undecided({ review: kind, reason })
    entry.retryAt = now + reviewRetryDelayMillis
    return { verdict: entry.verdict, from: "stale" }
  })

  const startReview = (
    pending: PendingReview<A>,
    request: DecisionRequest<A>,
    lane: Lane,
    hasStaleDecision: boolean
  ): Effect.Effect<Decision<A>, Undecided> => {
    const sent = Effect.suspend(() => {
      pending.isSent = true
      return request.review
    })
    return queue.send({ kind, lane, hasStaleDecision, review: sent }).pipe(
      Effect.map(({ sentAt, value }): Decision<A> => {
        store(request, value, sentAt)
        return { verdict: value, from: "review" }
      }),
      Effect.catchTags({
        ReviewError: (error) => staleDecision(request.key, error),
        Overloaded: (reason) => Effect.fail(new Undecided({ review: kind, reason }))
      })
    )
  }

  const leave = (key: string, pending: PendingReview<A>): void => {
    pending.callers--
    if (pending.callers > 0 || pending.isSent || pendingReviews.get(key) !== pending) return
    pendingReviews.delete(key)
    pending.fiber?.interruptUnsafe()
  }

  // Cannot be interrupted after the caller is counted and before the caller waits, so that `leave` is always called.
  const decideTogether = (
    request: DecisionRequest<A>,
    lane: Lane,
    hasStaleDecision: boolean
  ): Effect.Effect<Decision<A>, Undecided> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const { key } = request
        const joined = pendingReviews.get(key)
        const pending = joined ?? {
          decision: Deferred.makeUnsafe<Decision<A>, Undecided>(),
          callers: 0,
          isSent: false,
          fiber: undefined
        }
        pending.callers++
        const wait = Effect.ensuring(
          restore(Deferred.await(pending.decision)),
          Effect.sync(() => leave(key, pending))
        )
        if (joined !== undefined) return wait
        pendingReviews.set(key, pending)
        return startReview(pending, request, lane, hasStaleDecision).pipe(
          Effect.onExit((exit: Exit.Exit<Decision<A>, Undecided>) =>
            Effect.sync(() => {
              if (pendingReviews.get(key) === pending) pendingReviews.delete(key)
              Deferred.doneUnsafe(pending.decision, exit)
            })
          ),
          Effect.forkIn(scope),
          Effect.flatMap((fiber) => {
            pending.fiber = fiber
            return wait
          })
        )
      })
    )

  const review = (
    request: DecisionRequest<A>,
    entry: CachedDecision<A> | undefined
  ): Effect.Effect<Decision<A>, Undecided> => {
    if (entry !== undefined && Option.exists(entry.verdict, isAllowedUser)) {
      return decideTogether(request, "renewal", true)
    }
    return queue
      .whileWaiting(decideTogether(request, options.lane, entry !== undefined))
      .pipe(Effect.catchTag("Overloaded", (reason) => Effect.fail(new Undecided({ review: kind, reason }))))
  }

  return {
    /**
     * Returns a decision from the cache or from a review. Fails with `Undecided` if the review fails and the cache has
     * no decision that may be reused.
     */
    decide: (request: DecisionRequest<A>): Effect.Effect<Decision<A>, Undecided> =>
      Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Decision<A>, Undecided> => {
        const entry = cache.get(request.key, now)
        const cached = entry === undefined ? undefined : usable(entry, now)
        return cached === undefined ? review(request, entry) : Effect.succeed(cached)
      }),
    /** Returns the cached decision that `decide` would return. Undefined if `decide` would wait for a review. */
    cached: (key: string, now: number): Decision<A> | undefined => {
      const entry = cache.get(key, now)
      return entry === undefined ? undefined : usable(entry, now)
    }
  }
})
