import { Clock, Duration, Effect, Random } from "effect"

/** Delays before jitter. Each is twice the previous one. */
const firstDelayMillis = 800
const maxDelayMillis = 30_000

/** After this long without a wait, the next one uses the first delay again. */
const resetAfterMillis = 120_000

/** The longest Retry-After that is respected. */
const maxRetryAfter = Duration.minutes(1)

/**
 * The delays between attempts: 0.8 s, 1.6 s, 3.2 s... up to 30 s, each times a random factor of 1 to 2, so that the
 * replicas of a cluster do not retry at the same time.
 */
export class Backoff {
  #nextMillis = firstDelayMillis
  #lastWait = Number.NEGATIVE_INFINITY

  /** Waits for the next delay, or for `retryAfter` if that is longer, but for that at most one minute. */
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
