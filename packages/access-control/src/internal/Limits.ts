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

/** Decisions remembered of each kind, yes and no apart, so that a flood of the one does not crowd out the other. */
export const remembered = 4096

/** Reviews under way. */
export const reviews = 16

/** Of these, those for callers of whom nothing is known yet: the others find room however many such there are. */
export const reviewsOfStrangers = 12

/** Requests that wait for the decision about a stranger. */
export const waiting = 512

/** How long the API server has for one review. */
export const reviewTimeout = 3 * second
