import { Duration } from "effect"

/** The time for which an accepted token is accepted without another review. */
export const acceptedTokenLifetime = Duration.minutes(2)

/** The time for which a decision that refuses a token is used without another review. */
export const refusedTokenLifetime = Duration.seconds(30)

/** The time for which a decision that allows an access is used without another review. */
export const allowedAccessLifetime = Duration.minutes(5)

/** The time for which a decision that denies an access is used without another review. */
export const deniedAccessLifetime = Duration.seconds(30)

/** The maximum age of a decision that is reused while the API server is unreachable. */
export const maxStaleAge = Duration.minutes(90)

/**
 * If a review fails because the API server is unreachable, the stale decision is reused for this time. Then a new
 * review is tried.
 */
export const reviewRetryDelay = Duration.seconds(10)

/**
 * The maximum number of decisions in each of the three maps of `DecisionCache`. Also the maximum number of users in
 * `AllowedUsers`.
 */
export const maxDecisions = 4096

/** The maximum number of reviews that are in progress at the same time. */
export const maxReviews = 16

/**
 * The maximum number of reviews in progress that have the same purpose (`Lane` in ReviewLanes.ts). It is less than
 * `maxReviews`, so that reviews with another purpose can be sent too.
 */
export const maxReviewsPerLane = 12

/**
 * The maximum number of queued reviews of one `Lane` (see ReviewLanes.ts). If the queue of the lane is full, a new
 * review evicts the oldest review.
 */
export const maxQueuedPerLane = 512

/**
 * The maximum number of requests that wait for a decision. Requests that only renew the cached decision about an
 * allowed user do not count.
 */
export const maxWaiting = 4096

/** The maximum time that a review waits in the queue. */
export const maxQueueTime = Duration.seconds(3)

/**
 * Reviews with the same purpose (`Lane` in ReviewLanes.ts) share a queue. If the oldest review of a queue has waited
 * for this time, the newest review of this queue is sent first.
 */
export const newestFirstAfter = Duration.seconds(1)

/** The time within which the API server must answer a review. */
export const reviewTimeout = Duration.seconds(3)

/**
 * The time between two reviews that are sent while the API server does not answer. The reviews then time out one after
 * another, not all at once.
 */
export const probeInterval = Duration.divideUnsafe(reviewTimeout, maxReviewsPerLane)
