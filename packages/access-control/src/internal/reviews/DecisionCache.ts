import { Option } from "effect"
import * as Limits from "../Limits.ts"

/** A decision and its lifetimes, in milliseconds since the epoch. */
export interface CachedDecision<A> {
  /** None is a refusal. */
  readonly verdict: Option.Option<A>
  readonly decidedAt: number
  /** Until then it is used without a review. */
  readonly freshUntil: number
  /** Until then it is reused if a review fails. */
  readonly staleUntil: number
  /** The earliest time of the next review after a failed one, in milliseconds since the epoch; 0 if none has failed. */
  retryAt: number
}

type Decisions<A> = Map<string, CachedDecision<A>>

/**
 * A bounded cache of decisions by key, in three classes: acceptances of allowed users, other acceptances, refusals. A
 * decision evicts only the least recently used one of its class.
 */
export class DecisionCache<A> {
  readonly #isAllowedUser: (value: A) => boolean
  readonly #allowedUsers: Decisions<A> = new Map()
  readonly #otherUsers: Decisions<A> = new Map()
  readonly #refusals: Decisions<A> = new Map()

  /**
   * `isAllowedUser` returns whether the user of an acceptance was recently allowed something. Its result may change.
   */
  constructor(isAllowedUser: (value: A) => boolean) {
    this.#isAllowedUser = isAllowedUser
  }

  /** The decision of this key if it may still be used, fresh or stale. */
  get(key: string, now: number): CachedDecision<A> | undefined {
    return (
      look(this.#allowedUsers, key, now) ?? look(this.#otherUsers, key, now) ?? look(this.#refusals, key, now)
    )
  }

  set(key: string, decision: CachedDecision<A>): void {
    for (const decisions of [this.#allowedUsers, this.#otherUsers, this.#refusals]) decisions.delete(key)
    if (Option.isNone(decision.verdict)) add(this.#refusals, key, decision)
    else if (this.#isAllowedUser(decision.verdict.value)) add(this.#allowedUsers, key, decision)
    else {
      const evicted = add(this.#otherUsers, key, decision)
      // The user of the evicted decision may have been allowed something since.
      if (evicted !== undefined && Option.exists(evicted[1].verdict, this.#isAllowedUser)) {
        add(this.#allowedUsers, ...evicted)
      }
    }
  }
}

/** Adds a decision, and returns the least recently used one if that had to be evicted. */
const add = <A>(
  decisions: Decisions<A>,
  key: string,
  decision: CachedDecision<A>
): [string, CachedDecision<A>] | undefined => {
  decisions.set(key, decision)
  if (decisions.size <= Limits.maxDecisions) return undefined
  const [oldest] = decisions
  if (oldest !== undefined) decisions.delete(oldest[0])
  return oldest
}

const look = <A>(decisions: Decisions<A>, key: string, now: number): CachedDecision<A> | undefined => {
  const decision = decisions.get(key)
  if (decision === undefined) return undefined
  decisions.delete(key)
  // If the clock was set back, the decision would live too long.
  if (now >= decision.staleUntil || now < decision.decidedAt) return undefined
  decisions.set(key, decision)
  return decision
}
