import { Schema } from "effect"

/**
 * The API server did not answer, or cannot answer now. The cause is a network error, a timeout, credentials that
 * cannot be read, or the status 408, 429 or 5xx. Cached decisions may be reused.
 */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  /** The cause, for logs and messages. Contains no secret. */
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** The API server does not allow registry-packages-proxy to create reviews (status 401 or 403). */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

/** The response contains no decision, because its status is unexpected or its body is not a review. */
export class Invalid extends Schema.TaggedError<Invalid>()("Invalid", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

/** A TokenReview or SubjectAccessReview failed. */
export class ReviewError extends Schema.TaggedError<ReviewError>()("ReviewError", {
  reason: Schema.Union([Unreachable, Forbidden, Invalid])
}) {
  override get message(): string {
    return this.reason.message
  }
}
