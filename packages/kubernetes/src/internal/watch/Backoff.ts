import { Clock, Duration, Effect, Random } from "effect"

/** The first delay in milliseconds, before it is multiplied by the random factor. */
const firstDelayMillis = 800

/** The longest delay in milliseconds, before it is multiplied by the random factor. */
const maxDelayMillis = 30_000

/** If the last wait ended at least this many milliseconds ago, the next wait uses the first delay again. */
const resetAfterMillis = 120_000

/** The maximum time to wait because of Retry-After. A longer Retry-After is treated as this time. */
const maxRetryAfter = Duration.minutes(1)

/**
 * The delays between attempts: 0.8 s, 1.6 s, 3.2 s... up to 30 s. Each is multiplied by a random factor of 1 to 2, so
 * that the replicas of a cluster do not retry at the same time.
 */
export class Backoff {
  #nextMillis = firstDelayMillis
  #lastWait = Number.NEGATIVE_INFINITY

  /** Waits for the next delay, or for `retryAfter` (at most one minute) if that is longer. */
  readonly wait = (retryAfter: Duration.Duration = Duration.zero): Effect.Effect<void> =>
    Effect.gen({ self: this }, function* () {
      const now = yield* Clock.currentTimeMillis
      if (now - this.#lastWait >= resetAfterMillis) this.#nextMillis = firstDelayMillis
      const delay = Duration.millis(this.#nextMillis * (1 + (yield* Random.next)))
      this.#nextMillis = Math.min(this.#nextMillis * 2, maxDelayMillis)
      yield* Effect.sleep(Duration.max(delay, Duration.min(retryAfter, maxRetryAfter)))
      this.#lastWait = yield* Clock.currentTimeMillis
    })
}
