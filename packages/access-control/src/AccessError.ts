import { Schema } from "effect"
import { Forbidden, Invalid, Unreachable } from "./Reviews.ts"

/** The kinds of review, as Kubernetes names them. */
export const ReviewKind = Schema.Literals(["TokenReview", "SubjectAccessReview"])
export type ReviewKind = typeof ReviewKind.Type

/** Why a client certificate authenticates nobody. */
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

/** Nothing the caller presented says who they are. */
export class NotAuthenticated extends Schema.TaggedError<NotAuthenticated>()("NotAuthenticated", {
  /** There was none, the API server refused it, or it is past its own `exp`. */
  token: Schema.Literals(["none", "refused", "expired"]),
  /** Why the client certificate does not count, if there was one. */
  certificate: Schema.Option(CertificateRefusal)
}) {}

/** The user may not do this. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}

/** Too many callers wait for a decision, or for too long, though the API server answers. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {}) {}

/** No decision can be had now, and no earlier one may stand. */
export class Undecided extends Schema.TaggedError<Undecided>()("Undecided", {
  review: ReviewKind,
  reason: Schema.Union([Unreachable, Forbidden, Invalid, Overloaded])
}) {}
