import { Option } from "effect"
import * as Limits from "../Limits.ts"

/** A decision and how long it is good for; times in milliseconds since the epoch. */
export interface Entry<A> {
  /** None is a no. */
  readonly verdict: Option.Option<A>
  readonly decidedAt: number
  /** Until then it is used without asking. */
  readonly freshUntil: number
  /** Until then it may stand in where nobody can be asked. */
  readonly staleUntil: number
  /** Not asked again before; set where asking failed. */
  retryAt: number
}

type Entries<A> = Map<string, Entry<A>>

/**
 * Decisions by key, bounded. Each is evicted by its like alone: a yes to somebody who has a right by other such, a yes to
 * somebody of whom no right is known by other such, a no by other nos. Of each kind the least recently used goes first.
 */
export class DecisionCache<A> {
  readonly #hasRight: (value: A) => boolean
  readonly #withRight: Entries<A> = new Map()
  readonly #withoutRight: Entries<A> = new Map()
  readonly #no: Entries<A> = new Map()

  /** `hasRight` says of whom a right is known; it may change its mind at any time, and counts when room is needed. */
  constructor(hasRight: (value: A) => boolean) {
    this.#hasRight = hasRight
  }

  /** The decision under this key that may still be used, fresh or not. */
  get(key: string, now: number): Entry<A> | undefined {
    return look(this.#withRight, key, now) ?? look(this.#withoutRight, key, now) ?? look(this.#no, key, now)
  }

  set(key: string, entry: Entry<A>): void {
    for (const entries of [this.#withRight, this.#withoutRight, this.#no]) entries.delete(key)
    if (Option.isNone(entry.verdict)) add(this.#no, key, entry)
    else if (this.#hasRight(entry.verdict.value)) add(this.#withRight, key, entry)
    else {
      const evicted = add(this.#withoutRight, key, entry)
      // A right that became known since is not forgotten with those of whom none is.
      if (evicted !== undefined && Option.exists(evicted[1].verdict, this.#hasRight)) {
        add(this.#withRight, ...evicted)
      }
    }
  }
}

/** Adds an entry, and evicts the least recently used where that is one too many. */
const add = <A>(entries: Entries<A>, key: string, entry: Entry<A>): [string, Entry<A>] | undefined => {
  entries.set(key, entry)
  if (entries.size <= Limits.maxRemembered) return undefined
  const [oldest] = entries
  if (oldest !== undefined) entries.delete(oldest[0])
  return oldest
}

const look = <A>(entries: Entries<A>, key: string, now: number): Entry<A> | undefined => {
  const entry = entries.get(key)
  if (entry === undefined) return undefined
  entries.delete(key)
  // A clock that was set back would make it live longer than it may.
  if (now >= entry.staleUntil || now < entry.decidedAt) return undefined
  entries.set(key, entry)
  return entry
}
