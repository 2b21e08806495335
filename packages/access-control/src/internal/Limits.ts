/** Milliseconds that decisions live. */
const second = 1000
const minute = 60 * second

export const acceptedToken = 2 * minute
export const refusedToken = 30 * second
export const allowedAccess = 5 * minute
export const deniedAccess = 30 * second

/** How long after it was made a decision may stand in for one that cannot be had. */
export const stale = 90 * minute

/** After the API server could not be reached, a decision that stands in is used this long before it is asked again. */
export const pause = 10 * second

/** The most decisions remembered of each worth (see `DecisionCache`), and the most users known to have a right. */
export const maxRemembered = 4096

/** The most reviews in progress. */
export const maxReviews = 16

/** Of these, the most in one lane, so that the others find places however many it has. */
export const maxReviewsPerLane = 12

/** The most reviews queued in one lane. One more pushes the oldest out. */
export const maxQueuedPerLane = 512

/** The most requests that wait for decisions about callers who have none yet. */
export const maxWaiting = 4096

/** The longest that a review waits for its turn. */
export const maxQueueTime = 3 * second

/** Once a review has waited this long, the newest of its lane is next; until then the oldest. */
export const newestFirstAfter = second

/** The time that the API server has for one review. */
export const reviewTimeout = 3 * second

/** While the API server is silent, one review is sent in this time: places come free evenly, not all at once. */
export const probeInterval = reviewTimeout / maxReviewsPerLane
