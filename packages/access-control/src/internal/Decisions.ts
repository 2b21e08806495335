import { Clock, Deferred, Effect, type Exit, Metric, Option, type Scope } from "effect"
import { Overloaded, type ReviewKind, Undecided } from "../AccessError.ts"
import * as Metrics from "../Metrics.ts"
import type { ReviewError } from "../Reviews.ts"
import * as Limits from "./Limits.ts"
import { type Entry, Memory } from "./Memory.ts"
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
}

/** How many requests wait for decisions about strangers, over all kinds of decision that share it. */
export interface Waiting {
  count: number
}

interface Question<A> {
  /** A hash of everything the decision depends on. */
  readonly key: string
  readonly review: Effect.Effect<Option.Option<A>, ReviewError>
  /** Whether the one who asks is known for nothing yet, where this decision is not known either. */
  readonly isStranger: boolean
  /** When what was presented ends by itself, in milliseconds since the epoch. */
  readonly endsAt?: (verdict: Option.Option<A>) => number
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
 * questions at once, and where it cannot be, a decision of before stands in. A review belongs to no request: one whose
 * client leaves is still finished, for the others.
 */
export const make = Effect.fnUntraced(function* <A>(options: Options<A>, waiting: Waiting) {
  const { kind, lifetime, queue } = options
  const scope: Scope.Scope = yield* Effect.scope
  const memory = new Memory<A>()
  const flights = new Map<string, Deferred.Deferred<Decided<A>, Undecided>>()

  const remember = (question: Question<A>, verdict: Option.Option<A>, askedAt: number): void => {
    const endsAt = question.endsAt?.(verdict) ?? Number.POSITIVE_INFINITY
    memory.set(question.key, {
      verdict,
      decidedAt: askedAt,
      freshUntil: Math.min(askedAt + lifetime(verdict), endsAt),
      staleUntil: Math.min(askedAt + Limits.stale, endsAt),
      retryAt: 0
    })
  }

  const standIn = Effect.fnUntraced(function* (
    key: string,
    { reason }: ReviewError
  ): Effect.fn.Return<Decided<A>, Undecided> {
    const now = yield* Clock.currentTimeMillis
    const entry = reason._tag === "Unreachable" ? memory.get(key, now) : undefined
    if (entry === undefined) return yield* new Undecided({ review: kind, reason })
    entry.retryAt = now + Limits.pause
    return { verdict: entry.verdict, from: "stale" }
  })

  const review = (question: Question<A>, isStranger: boolean): Effect.Effect<Decided<A>, Undecided> =>
    queue.ask(kind, isStranger, question.review).pipe(
      Effect.map(({ askedAt, value }): Decided<A> => {
        remember(question, value, askedAt)
        return { verdict: value, from: "review" }
      }),
      Effect.catch((error) => standIn(question.key, error))
    )

  const flightOf = Effect.fnUntraced(function* (question: Question<A>, isStranger: boolean) {
    const known = flights.get(question.key)
    if (known !== undefined) return known
    const flight = Deferred.makeUnsafe<Decided<A>, Undecided>()
    flights.set(question.key, flight)
    yield* review(question, isStranger).pipe(
      Effect.onExit((exit: Exit.Exit<Decided<A>, Undecided>) =>
        Effect.sync(() => {
          flights.delete(question.key)
          Deferred.doneUnsafe(flight, exit)
        })
      ),
      Effect.forkIn(scope)
    )
    return flight
  })

  const count = (change: 1 | -1) =>
    Effect.suspend(() => Metric.update(Metrics.callersWaiting, (waiting.count += change)))

  const ask = (question: Question<A>, entry: Entry<A> | undefined): Effect.Effect<Decided<A>, Undecided> => {
    const isStranger = question.isStranger && (entry === undefined || Option.isNone(entry.verdict))
    const answer = Effect.flatMap(flightOf(question, isStranger), Deferred.await)
    if (!isStranger) return answer
    if (waiting.count >= Limits.waiting) {
      return new Undecided({ review: kind, reason: new Overloaded({}) })
    }
    return Effect.acquireUseRelease(
      count(1),
      () => answer,
      () => count(-1)
    )
  }

  return {
    /** The decision about `question`; fails where there is none to be had. */
    decide: (question: Question<A>): Effect.Effect<Decided<A>, Undecided> =>
      Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Decided<A>, Undecided> => {
        const entry = memory.get(question.key, now)
        const known = entry === undefined ? undefined : usable(entry, now)
        return known === undefined ? ask(question, entry) : Effect.succeed(known)
      }),
    /** The decision that `decide` would answer at once, if there is one. */
    known: (key: string, now: number): Decided<A> | undefined => {
      const entry = memory.get(key, now)
      return entry === undefined ? undefined : usable(entry, now)
    }
  }
})
