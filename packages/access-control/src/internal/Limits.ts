import { Duration } from "effect"

/** The lifetimes of cached decisions. Until its lifetime ends, a decision is used without another review. */
export const acceptedTokenLifetime = Duration.minutes(2)
export const refusedTokenLifetime = Duration.seconds(30)
export const allowedAccessLifetime = Duration.minutes(5)
export const deniedAccessLifetime = Duration.seconds(30)

/** The maximum age of a decision that is reused while the API server is unreachable. */
export const maxStaleAge = Duration.minutes(90)

/** The time between a failed review and the next review with the same key. Until then, the stale decision is reused. */
export const reviewRetryDelay = Duration.seconds(10)

/** The maximum number of decisions in each of the three classes of `DecisionCache`, and of users in `AllowedUsers`. */
export const maxDecisions = 4096

/** The maximum number of reviews in progress, in all lanes together. */
export const maxReviews = 16

/**
 * The maximum number of reviews in progress in one lane. It is less than `maxReviews`, so that other lanes can send
 * reviews too.
 */
export const maxReviewsPerLane = 12

/** The maximum number of queued reviews in one lane. A further review evicts the oldest one. */
export const maxQueuedPerLane = 512

/**
 * The maximum number of requests that wait for a decision, without those that renew a decision about an allowed user.
 */
export const maxWaiting = 4096

/** The maximum time that a review waits in the queue. */
export const maxQueueTime = Duration.seconds(3)

/** Once the oldest review of a lane has waited for this time, the lane sends its newest review first. */
export const newestFirstAfter = Duration.seconds(1)

/** The time within which the API server must answer a review. */
export const reviewTimeout = Duration.seconds(3)

/**
 * The interval between reviews while the API server does not respond. These reviews then time out one after another,
 * not all at once.
 */
export const probeInterval = Duration.divideUnsafe(reviewTimeout, maxReviewsPerLane)
