import { Clock, Deferred, Effect, type Exit, type Fiber, Option, type Scope } from "effect"
import { type ReviewKind, Undecided } from "../../AccessError.ts"
import type { ReviewError } from "../../Reviews.ts"
import { DecisionCache, type Entry } from "./DecisionCache.ts"
import * as Limits from "../Limits.ts"
import type { Lane } from "./ReviewLanes.ts"
import type { ReviewQueue } from "./ReviewQueue.ts"

/** A decision and where it came from. */
export interface Decided<A> {
  /** None is a no. */
  readonly verdict: Option.Option<A>
  readonly from: "review" | "memory" | "stale"
}

interface Options<A> {
  readonly kind: ReviewKind
  readonly queue: ReviewQueue["Service"]
  /** Milliseconds that a decision is fresh. */
  readonly lifetime: (verdict: Option.Option<A>) => number
  /** True where a right is known of the one whom a yes is about. */
  readonly hasRight: (value: A) => boolean
  /** The lane of reviews that confirm no right. */
  readonly lane: Lane
}

interface Question<A> {
  /** A hash of everything the decision depends on. */
  readonly key: string
  readonly review: Effect.Effect<Option.Option<A>, ReviewError>
  /** When what was presented ends by itself, in milliseconds since the epoch. */
  readonly endsAt: number
}

/** A review on its way, for all who ask the same. */
interface Flight<A> {
  readonly decided: Deferred.Deferred<Decided<A>, Undecided>
  callers: number
  isSent: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

/** What is remembered and can be used without asking. */
const usable = <A>(entry: Entry<A>, now: number): Decided<A> | undefined =>
  now < entry.freshUntil
    ? { verdict: entry.verdict, from: "memory" }
    : now < entry.retryAt
      ? { verdict: entry.verdict, from: "stale" }
      : undefined

/**
 * Decisions of one kind, remembered: fresh ones are used as they are, one review is asked for any number of equal
 * questions at once, and where it cannot be, an earlier decision stands in. A review that was sent belongs to no request:
 * it is finished for the others. One that still waits for its turn is dropped when the last who wants it leaves.
 */
export const make = Effect.fnUntraced(function* <A>(options: Options<A>) {
  const { hasRight, kind, lifetime, queue } = options
  const scope: Scope.Scope = yield* Effect.scope
  const cache = new DecisionCache<A>(hasRight)
  const flights = new Map<string, Flight<A>>()

  const remember = ({ endsAt, key }: Question<A>, verdict: Option.Option<A>, askedAt: number): void => {
    // A no does not end with the token.
    const end = Option.isSome(verdict) ? endsAt : Number.POSITIVE_INFINITY
    cache.set(key, {
      verdict,
      decidedAt: askedAt,
      freshUntil: Math.min(askedAt + lifetime(verdict), end),
      staleUntil: Math.min(askedAt + Limits.stale, end),
      retryAt: 0
    })
  }

  const standIn = Effect.fnUntraced(function* (
    key: string,
    { reason }: ReviewError
  ): Effect.fn.Return<Decided<A>, Undecided> {
    const now = yield* Clock.currentTimeMillis
    const entry = reason._tag === "Unreachable" ? cache.get(key, now) : undefined
    if (entry === undefined) return yield* new Undecided({ review: kind, reason })
    entry.retryAt = now + Limits.pause
    return { verdict: entry.verdict, from: "stale" }
  })

  const review = (
    flight: Flight<A>,
    question: Question<A>,
    lane: Lane,
    hasStandIn: boolean
  ): Effect.Effect<Decided<A>, Undecided> => {
    const sent = Effect.suspend(() => {
      flight.isSent = true
      return question.review
    })
    return queue.ask({ kind, lane, hasStandIn, review: sent }).pipe(
      Effect.map(({ askedAt, value }): Decided<A> => {
        remember(question, value, askedAt)
        return { verdict: value, from: "review" }
      }),
      Effect.catchTags({
        ReviewError: (error) => standIn(question.key, error),
        Overloaded: (reason) => Effect.fail(new Undecided({ review: kind, reason }))
      })
    )
  }

  const leave = (key: string, flight: Flight<A>): void => {
    flight.callers--
    if (flight.callers > 0 || flight.isSent || flights.get(key) !== flight) return
    flights.delete(key)
    flight.fiber?.interruptUnsafe()
  }

  // Uninterruptible from the step that counts the caller to the one that has it wait.
  const decideTogether = (
    question: Question<A>,
    lane: Lane,
    hasStandIn: boolean
  ): Effect.Effect<Decided<A>, Undecided> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const { key } = question
        const joined = flights.get(key)
        const flight = joined ?? {
          decided: Deferred.makeUnsafe<Decided<A>, Undecided>(),
          callers: 0,
          isSent: false,
          fiber: undefined
        }
        flight.callers++
        const wait = Effect.ensuring(
          restore(Deferred.await(flight.decided)),
          Effect.sync(() => leave(key, flight))
        )
        if (joined !== undefined) return wait
        flights.set(key, flight)
        return review(flight, question, lane, hasStandIn).pipe(
          Effect.onExit((exit: Exit.Exit<Decided<A>, Undecided>) =>
            Effect.sync(() => {
              if (flights.get(key) === flight) flights.delete(key)
              Deferred.doneUnsafe(flight.decided, exit)
            })
          ),
          Effect.forkIn(scope),
          Effect.flatMap((fiber) => {
            flight.fiber = fiber
            return wait
          })
        )
      })
    )

  const ask = (question: Question<A>, entry: Entry<A> | undefined): Effect.Effect<Decided<A>, Undecided> => {
    if (entry !== undefined && Option.exists(entry.verdict, hasRight)) {
      return decideTogether(question, "renewal", true)
    }
    return queue
      .wait(decideTogether(question, options.lane, entry !== undefined))
      .pipe(Effect.catchTag("Overloaded", (reason) => Effect.fail(new Undecided({ review: kind, reason }))))
  }

  return {
    /** The decision about `question`; fails where there is none to be had. */
    decide: (question: Question<A>): Effect.Effect<Decided<A>, Undecided> =>
      Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Decided<A>, Undecided> => {
        const entry = cache.get(question.key, now)
        const known = entry === undefined ? undefined : usable(entry, now)
        return known === undefined ? ask(question, entry) : Effect.succeed(known)
      }),
    /** The decision that `decide` would answer at once, if there is one. */
    known: (key: string, now: number): Decided<A> | undefined => {
      const entry = cache.get(key, now)
      return entry === undefined ? undefined : usable(entry, now)
    }
  }
})
