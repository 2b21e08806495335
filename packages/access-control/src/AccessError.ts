import { Schema } from "effect"
import { Forbidden, Invalid, Unreachable } from "./Reviews.ts"

/** The kinds of review, as Kubernetes names them. */
export const ReviewKind = Schema.Literals(["TokenReview", "SubjectAccessReview"])
export type ReviewKind = typeof ReviewKind.Type

/** Nothing the caller presented says who they are. */
export class NotAuthenticated extends Schema.TaggedError<NotAuthenticated>()("NotAuthenticated", {
  /** Nothing was presented at all, or it was refused. */
  presented: Schema.Boolean
}) {}

/** The user may not do this. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}

/** As many callers wait for a decision as may. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {}) {}

/** No decision can be had now, and none of before may stand. */
export class Undecided extends Schema.TaggedError<Undecided>()("Undecided", {
  review: ReviewKind,
  reason: Schema.Union([Unreachable, Forbidden, Invalid, Overloaded])
}) {}
