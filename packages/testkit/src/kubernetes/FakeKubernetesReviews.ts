import { Option, Schema } from "effect"

type Json = Readonly<Record<string, unknown>>

/** The user of a token, as in the status of a TokenReview. */
export interface FakeKubernetesUser {
  readonly username: string
  readonly uid?: string
  readonly groups?: ReadonlyArray<string>
}

const decodeToken = Schema.decodeUnknownOption(
  Schema.Struct({ spec: Schema.Struct({ token: Schema.String }) })
)

const Access = Schema.Struct({
  user: Schema.optionalKey(Schema.String),
  groups: Schema.optionalKey(Schema.Array(Schema.String)),
  resourceAttributes: Schema.Record(Schema.String, Schema.String)
})

/** The fields of a SubjectAccessReview's `spec` that the fake API server reads. */
export type SubjectAccessReviewSpec = typeof Access.Type

const decodeAccess = Schema.decodeUnknownOption(Schema.Struct({ spec: Access }))

/**
 * Decides the reviews of a fake API server. `users` decides TokenReviews, and its keys are the tokens. `allows` decides
 * SubjectAccessReviews.
 */
export class FakeKubernetesReviews {
  readonly users = new Map<string, FakeKubernetesUser>()
  /** Returns true if the access is allowed. Default: denies every access. */
  allows: (access: SubjectAccessReviewSpec) => boolean = () => false

  /** Returns the review with its `status`, or undefined if `review` is not a TokenReview. */
  tokenReview(review: unknown): Json | undefined {
    const spec = Option.getOrUndefined(decodeToken(review))?.spec
    if (spec === undefined) return undefined
    const user = this.users.get(spec.token)
    const status =
      user === undefined
        ? { authenticated: false, user: {}, error: "unknown token" }
        : { authenticated: true, user }
    // A real API server returns the token too.
    return { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec, status }
  }

  /** Returns the review with its `status`, or undefined if `review` is not a SubjectAccessReview. */
  subjectAccessReview(review: unknown): Json | undefined {
    const spec = Option.getOrUndefined(decodeAccess(review))?.spec
    if (spec === undefined) return undefined
    const status = { allowed: this.allows(spec), reason: "decided by the test" }
    return { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec, status }
  }
}
