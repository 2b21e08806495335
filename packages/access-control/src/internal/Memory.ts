import { Option } from "effect"
import * as Limits from "./Limits.ts"

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

/** Removes the entry that was not used longest while there are more than may be. */
const trim = (map: Map<string, unknown>): void => {
  if (map.size <= Limits.remembered) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}

/** Decisions by key, bounded: a yes is only crowded out by other yeses. */
export class Memory<A> {
  readonly #yes = new Map<string, Entry<A>>()
  readonly #no = new Map<string, Entry<A>>()

  get size(): number {
    return this.#yes.size + this.#no.size
  }

  /** What is remembered under this key and may still be used, fresh or not. */
  get(key: string, now: number): Entry<A> | undefined {
    return this.#look(this.#yes, key, now) ?? this.#look(this.#no, key, now)
  }

  set(key: string, entry: Entry<A>): void {
    const [its, other] = Option.isSome(entry.verdict) ? [this.#yes, this.#no] : [this.#no, this.#yes]
    other.delete(key)
    its.delete(key)
    its.set(key, entry)
    trim(its)
  }

  #look(map: Map<string, Entry<A>>, key: string, now: number): Entry<A> | undefined {
    const entry = map.get(key)
    if (entry === undefined) return undefined
    map.delete(key)
    // A clock that was set back would make it live longer than it may.
    if (now >= entry.staleUntil || now < entry.decidedAt) return undefined
    map.set(key, entry)
    return entry
  }
}
