import { Context, type Effect, type Option, type Redacted, Schema } from "effect"
import type { ResourceRule } from "./ResourceRule.ts"
import type { User } from "./User.ts"

/** No answer, or one that says "not now": a network error, a timeout, 429, 5xx. What was decided before may stand. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  /** In words that show no secret. */
  detail: Schema.String
}) {}

/** The API server does not let this program create reviews (401, 403). */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", { detail: Schema.String }) {}

/** An answer that decides nothing: another status, or a body that is no review. */
export class Invalid extends Schema.TaggedError<Invalid>()("Invalid", { detail: Schema.String }) {}

/** Why a review was not answered. */
export class ReviewError extends Schema.TaggedError<ReviewError>()("ReviewError", {
  reason: Schema.Union([Unreachable, Forbidden, Invalid])
}) {}

/** The two questions that the API server answers about callers. Each call is one request, tried once. */
export class Reviews extends Context.Service<
  Reviews,
  {
    /** TokenReview (authentication.k8s.io/v1): whose token this is; none: it is no good here and now. */
    readonly tokenReview: (token: Redacted.Redacted) => Effect.Effect<Option.Option<User>, ReviewError>
    /** SubjectAccessReview (authorization.k8s.io/v1): whether the user may; an answer without a clear yes is a no. */
    readonly subjectAccessReview: (user: User, rule: ResourceRule) => Effect.Effect<boolean, ReviewError>
  }
>()("@registry-packages-proxy/access-control/Reviews") {}
