import type { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import { Context, type Effect, Layer, type Option, type Redacted } from "effect"
import * as KubernetesReviews from "./internal/reviews/KubernetesReviews.ts"
import type { ResourceRule } from "./ResourceRule.ts"
import type { ReviewError } from "./ReviewError.ts"
import type { User } from "./User.ts"

/**
 * Sends TokenReviews and SubjectAccessReviews to the Kubernetes API. Each call sends one request and does not retry.
 */
export class Reviews extends Context.Service<
  Reviews,
  {
    /** Sends a TokenReview (authentication.k8s.io/v1). Returns the token's user, or none if the token is not valid. */
    readonly tokenReview: (token: Redacted.Redacted) => Effect.Effect<Option.Option<User>, ReviewError>
    /**
     * Sends a SubjectAccessReview (authorization.k8s.io/v1). Returns true if the answer is `allowed` and not also
     * `denied`.
     */
    readonly subjectAccessReview: (user: User, rule: ResourceRule) => Effect.Effect<boolean, ReviewError>
  }
>()("@registry-packages-proxy/access-control/Reviews") {
  /** Sends the reviews to the API server, through `KubernetesApi`. */
  static readonly layerKubernetes: Layer.Layer<Reviews, never, KubernetesApi> = Layer.effect(
    Reviews,
    KubernetesReviews.make
  )
}
