import { labelled } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"
import type { ReviewKind } from "./AccessError.ts"

const prefix = "registry_packages_proxy"

/**
 * The values of the metric label `from`, the origin of a decision. `none` means that there is no decision, or that the
 * request has no credentials.
 */
const decisionOrigins = ["review", "memory", "stale", "certificate", "expiry", "none"] as const
export type DecisionOrigin = (typeof decisionOrigins)[number]

const authenticationsTotal = Metric.counter(`${prefix}_authentications_total`, {
  description:
    "Authentications, by result (accepted, refused, undecided) and origin: review, memory (a fresh cached decision), stale, certificate, expiry (the token's own `exp`), none (no credentials, or no decision).",
  incremental: true
})

const authorizationsTotal = Metric.counter(`${prefix}_authorizations_total`, {
  description:
    "Authorizations, by result (allowed, denied, undecided) and origin: review, memory (a fresh cached decision), stale, none (no decision).",
  incremental: true
})

const reviewBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3]

const accessReviewSeconds = Metric.histogram(`${prefix}_access_review_seconds`, {
  description:
    "Duration of TokenReviews and SubjectAccessReviews in seconds, by outcome: answered, Unreachable, Forbidden, Invalid.",
  boundaries: reviewBoundaries
})

/** The number of reviews that were sent and are not answered yet. */
export const reviewsInProgress = Metric.gauge(`${prefix}_access_reviews_in_progress`, {
  description: "TokenReviews and SubjectAccessReviews in progress."
})

/** The number of reviews that wait to be sent. */
export const reviewsQueued = Metric.gauge(`${prefix}_access_reviews_queued`, {
  description: "TokenReviews and SubjectAccessReviews that wait to be sent."
})

/** The reasons why a review was dropped before it was sent. */
const dropReasons = ["abandoned", "expired", "overflow"] as const
export type DropReason = (typeof dropReasons)[number]

const reviewsDroppedTotal = Metric.counter(`${prefix}_access_reviews_dropped_total`, {
  description:
    "Reviews that were never sent, by reason: abandoned (all callers left), expired (queued for 3 s), overflow (evicted from the queue by newer reviews).",
  incremental: true
})

/**
 * The number of requests that wait for a decision. Requests that only renew the cached decision about an allowed user
 * are not counted.
 */
export const callersWaiting = Metric.gauge(`${prefix}_access_callers_waiting`, {
  description: "Requests that wait for a first decision about their caller."
})

const authentication = labelled(authenticationsTotal, {
  result: ["accepted", "refused", "undecided"],
  from: decisionOrigins
})
const authorization = labelled(authorizationsTotal, {
  result: ["allowed", "denied", "undecided"],
  from: decisionOrigins
})
const seconds = labelled(
  accessReviewSeconds,
  {
    review: ["TokenReview", "SubjectAccessReview"],
    outcome: ["answered", "Unreachable", "Forbidden", "Invalid"]
  },
  reviewBoundaries
)
const dropped = labelled(reviewsDroppedTotal, { reason: dropReasons })

/** Returns the counter of reviews that were dropped for this `reason` before they were sent. */
export const reviewsDropped = (reason: DropReason) => dropped({ reason })

/** Returns the counter of authentications with this result. `from` is the origin of their decisions. */
export const authentications = (result: "accepted" | "refused" | "undecided", from: DecisionOrigin) =>
  authentication({ result, from })

/** Returns the counter of authorizations that have this result and the decision origin `from`. */
export const authorizations = (result: "allowed" | "denied" | "undecided", from: DecisionOrigin) =>
  authorization({ result, from })

/** Returns the histogram of the durations, in seconds, of reviews of this kind with this outcome. */
export const reviewSeconds = (
  review: ReviewKind,
  outcome: "answered" | "Unreachable" | "Forbidden" | "Invalid"
) => seconds({ review, outcome })
