import { Option } from "effect"
import * as Limits from "../Limits.ts"

/** A cached decision and its times, in milliseconds since the epoch. */
export interface CachedDecision<A> {
  /** None means refused. */
  readonly verdict: Option.Option<A>
  readonly decidedAt: number
  /** Before this time, the decision is used without a review. */
  readonly freshUntil: number
  /** Before this time, the decision is reused if the API server is unreachable. */
  readonly staleUntil: number
  /**
   * The earliest time of the next review after a failed review. 0 if no review has failed since the decision was
   * cached.
   */
  retryAt: number
}

type Decisions<A> = Map<string, CachedDecision<A>>

/**
 * A bounded cache of decisions by key. Has three maps: one for accepted users who were recently allowed access, one for
 * other accepted users, and one for refusals. Each map has its own limit. A full map evicts its least recently used
 * decision.
 */
export class DecisionCache<A> {
  readonly #isAllowedUser: (value: A) => boolean
  readonly #allowedUsers: Decisions<A> = new Map()
  readonly #otherUsers: Decisions<A> = new Map()
  readonly #refusals: Decisions<A> = new Map()

  /**
   * `isAllowedUser` receives the value of a decision's `verdict`. It returns true if the decision is about a user who
   * was recently allowed access. It may return another result for the same value later.
   */
  constructor(isAllowedUser: (value: A) => boolean) {
    this.#isAllowedUser = isAllowedUser
  }

  /**
   * Returns the decision for `key`, fresh or stale. Undefined if there is none, if its `staleUntil` has passed, or if
   * the clock was set back to a time before the decision.
   */
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
      // The user of the evicted decision may have been allowed access after the decision was cached.
      if (evicted !== undefined && Option.exists(evicted[1].verdict, this.#isAllowedUser)) {
        add(this.#allowedUsers, ...evicted)
      }
    }
  }
}

/**
 * Adds a decision. If the number of decisions is greater than `Limits.maxDecisions` afterwards, evicts the least
 * recently used decision and returns it with its key. Otherwise returns undefined.
 */
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
  // `now < decidedAt` means that the clock was set back. The decision would be used for too long.
  if (now >= decision.staleUntil || now < decision.decidedAt) return undefined
  decisions.set(key, decision)
  return decision
}
