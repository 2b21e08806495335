import { Clock, Effect, Random } from "effect"

/** The first delay and the longest, in milliseconds, before jitter; each is twice the one before. */
const [first, longest] = [800, 30_000]

/** A backoff that was not needed for this long, in milliseconds, begins with the first delay again. */
const resetAfter = 120_000

/**
 * How long to wait before trying again: 0.8 s, 1.6 s, 3.2 s... up to 30 s, each times 1 to 2 at random, so that the
 * replicas of a cluster do not come back in step.
 */
export class Backoff {
  #next = first
  #last = Number.NEGATIVE_INFINITY

  /** Waits; at least `atLeast` milliseconds, where the server asked for that, but never more than a minute for it. */
  readonly wait = (atLeast: number = 0): Effect.Effect<void> =>
    Effect.gen({ self: this }, function* () {
      const now = yield* Clock.currentTimeMillis
      if (now - this.#last >= resetAfter) this.#next = first
      const delay = this.#next * (1 + (yield* Random.next))
      this.#next = Math.min(this.#next * 2, longest)
      yield* Effect.sleep(Math.max(delay, Math.min(atLeast, 60_000)))
      this.#last = yield* Clock.currentTimeMillis
    })
}
