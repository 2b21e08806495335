import { Option, Schema } from "effect"
import { Forbidden, Invalid, Unreachable } from "./ReviewError.ts"

/** The kinds of review, as Kubernetes names them. */
export const ReviewKind = Schema.Literals(["TokenReview", "SubjectAccessReview"])
export type ReviewKind = typeof ReviewKind.Type

/** The reasons why a client certificate can be refused. */
export const CertificateRefusal = Schema.Literals([
  "expired",
  "not-yet-valid",
  "unknown-authority",
  "wrong-usage",
  "no-common-name",
  "several-common-names",
  "unverifiable"
])
export type CertificateRefusal = typeof CertificateRefusal.Type

const tokenTexts = {
  none: "no bearer token was sent",
  refused: "the bearer token was refused",
  expired: "the bearer token has expired"
} as const

/** The caller presented no valid credentials. */
export class NotAuthenticated extends Schema.TaggedError<NotAuthenticated>()("NotAuthenticated", {
  /**
   * `none`: the caller sent no token. `refused`: the API server refused the token. `expired`: the token's `exp` has
   * passed.
   */
  token: Schema.Literals(["none", "refused", "expired"]),
  /** The reason why the client certificate was refused. None if no certificate was refused. */
  certificate: Schema.Option(CertificateRefusal)
}) {
  override get message(): string {
    const certificate = Option.match(this.certificate, {
      onNone: () => "",
      onSome: (refusal) => `; the client certificate was refused (${refusal})`
    })
    return `${tokenTexts[this.token]}${certificate}`
  }
}

/** The user has no permission for the request. `user` is the user's name. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {
  override get message(): string {
    return `RBAC does not allow user ${this.user} to do this`
  }
}

/**
 * There is no decision because of load. Either too many callers wait, or newer reviews evicted the review from a full
 * queue, or the review was queued for too long. If a review is queued for too long because the API server does not
 * answer, the error is `Unreachable` instead.
 */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {}) {
  override get message(): string {
    return "too many callers are waiting for a decision"
  }
}

/**
 * A request is neither allowed nor denied. Its review failed or was not sent, and the cache has no decision that may be
 * reused.
 */
export class Undecided extends Schema.TaggedError<Undecided>()("Undecided", {
  review: ReviewKind,
  reason: Schema.Union([Unreachable, Forbidden, Invalid, Overloaded])
}) {
  override get message(): string {
    return `no decision by ${this.review}: ${this.reason.message}`
  }
}
