import { labelled } from "@registry-packages-proxy/metrics/Labelled"
import { Metric } from "effect"
import type { ReviewKind } from "./AccessError.ts"

const prefix = "registry_packages_proxy"

/** Where a decision came from. */
const origins = ["review", "memory", "stale", "certificate", "expiry", "none"] as const
export type Origin = (typeof origins)[number]

const authenticationsTotal = Metric.counter(`${prefix}_authentications_total`, {
  description:
    "Callers authenticated, by result (accepted, refused, undecided) and by what decided: a review, memory, a stale decision, a client certificate, expiry (the token's `exp`), none (nothing to decide by).",
  incremental: true
})

const authorizationsTotal = Metric.counter(`${prefix}_authorizations_total`, {
  description:
    "Accesses authorized, by result (allowed, denied, undecided) and what decided: a review, memory, a stale decision, none.",
  incremental: true
})

const reviewBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3]

const accessReviewSeconds = Metric.histogram(`${prefix}_access_review_seconds`, {
  description:
    "Seconds of TokenReviews and SubjectAccessReviews, by outcome: answered, Unreachable, Forbidden, Invalid.",
  boundaries: reviewBoundaries
})

/** Reviews that are being asked of the API server. */
export const reviewsUnderWay = Metric.gauge(`${prefix}_access_reviews_under_way`, {
  description: "TokenReviews and SubjectAccessReviews under way."
})

/** Reviews that wait for their turn. */
export const reviewsQueued = Metric.gauge(`${prefix}_access_reviews_queued`, {
  description: "TokenReviews and SubjectAccessReviews that wait for their turn to be sent."
})

/** Why a review was not sent. */
const dropReasons = ["abandoned", "expired", "overflow"] as const
export type DropReason = (typeof dropReasons)[number]

const reviewsDroppedTotal = Metric.counter(`${prefix}_access_reviews_dropped_total`, {
  description:
    "Reviews that were never sent, by reason: abandoned (whoever wanted it left), expired (its turn did not come in 3 s), overflow (newer ones pushed it out of the queue).",
  incremental: true
})

/** Callers that wait for a decision about them. */
export const callersWaiting = Metric.gauge(`${prefix}_access_callers_waiting`, {
  description: "Requests of callers whom nothing lets in yet that wait for a decision."
})

const authentication = labelled(authenticationsTotal, {
  result: ["accepted", "refused", "undecided"],
  from: origins
})
const authorization = labelled(authorizationsTotal, {
  result: ["allowed", "denied", "undecided"],
  from: origins
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

/** Counts a review that was not sent. */
export const reviewsDropped = (reason: DropReason) => dropped({ reason })

/** Counts a caller. */
export const authentications = (result: "accepted" | "refused" | "undecided", from: Origin) =>
  authentication({ result, from })

/** Counts an access. */
export const authorizations = (result: "allowed" | "denied" | "undecided", from: Origin) =>
  authorization({ result, from })

/** Records how long a review took, in seconds. */
export const reviewSeconds = (
  review: ReviewKind,
  outcome: "answered" | "Unreachable" | "Forbidden" | "Invalid"
) => seconds({ review, outcome })
