import { Duration } from "effect"

/** The time for which a decision is used without another review. */
export const acceptedTokenLifetime = Duration.minutes(2)
export const refusedTokenLifetime = Duration.seconds(30)
export const allowedAccessLifetime = Duration.minutes(5)
export const deniedAccessLifetime = Duration.seconds(30)

/** The maximum age of a decision that is reused while the API server is unreachable. */
export const maxStaleAge = Duration.minutes(90)

/** The delay of a caller's next review after a failed one. Until then its stale decision is reused. */
export const reviewRetryDelay = Duration.seconds(10)

/** The most cached decisions in each of the three classes of `DecisionCache`, and the most users in `AllowedUsers`. */
export const maxDecisions = 4096

/** The most reviews in progress. */
export const maxReviews = 16

/** The most reviews in progress in one lane: less than `maxReviews`, so that other lanes can send reviews too. */
export const maxReviewsPerLane = 12

/** The most queued reviews in one lane. One more evicts the oldest. */
export const maxQueuedPerLane = 512

/** The most requests that wait for a first decision about their caller. */
export const maxWaiting = 4096

/** The longest time that a review waits for its turn. */
export const maxQueueTime = Duration.seconds(3)

/** The time that the oldest review of a lane waits until the lane sends its newest first instead. */
export const newestFirstAfter = Duration.seconds(1)

/** The time that the API server has for one review. */
export const reviewTimeout = Duration.seconds(3)

/**
 * The interval between reviews while the API server does not respond. These reviews then time out one after another,
 * not all at once.
 */
export const probeInterval = Duration.divideUnsafe(reviewTimeout, maxReviewsPerLane)
