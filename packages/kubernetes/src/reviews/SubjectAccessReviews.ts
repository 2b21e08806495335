import { Effect, Schema } from "effect"
import { KubernetesApi } from "../KubernetesApi.ts"
import type { KubernetesError } from "../KubernetesError.ts"
import type { Resource } from "../Resource.ts"

/** The `spec` of an `authorization.k8s.io/v1` SubjectAccessReview. */
export interface SubjectAccessReviewSpec {
  readonly user: string
  readonly uid?: string
  readonly groups?: ReadonlyArray<string>
  readonly extra?: Readonly<Record<string, ReadonlyArray<string>>>
  readonly resourceAttributes: {
    readonly verb: string
    readonly group?: string
    readonly version?: string
    readonly resource: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
}

/** The `status` of an `authorization.k8s.io/v1` SubjectAccessReview. */
export const SubjectAccessReviewStatus = Schema.Struct({
  allowed: Schema.Boolean,
  denied: Schema.optionalKey(Schema.Boolean),
  reason: Schema.optionalKey(Schema.String),
  evaluationError: Schema.optionalKey(Schema.String)
})
export type SubjectAccessReviewStatus = typeof SubjectAccessReviewStatus.Type

const SubjectAccessReview = Schema.Struct({ status: SubjectAccessReviewStatus })

const subjectAccessReviews: Resource<typeof SubjectAccessReview.Type> = {
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
  schema: SubjectAccessReview
}

/**
 * Asks the API server whether a user may perform an action on a resource. Needs the RBAC verb `create` on
 * `subjectaccessreviews.authorization.k8s.io`.
 */
export const review = (
  spec: SubjectAccessReviewSpec
): Effect.Effect<SubjectAccessReviewStatus, KubernetesError, KubernetesApi> =>
  KubernetesApi.use((api) => Effect.map(api.create(subjectAccessReviews, { spec }), ({ status }) => status))
