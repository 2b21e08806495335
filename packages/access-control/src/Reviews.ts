import type { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import { Context, type Effect, Layer, type Option, type Redacted } from "effect"
import * as KubernetesReviews from "./internal/reviews/KubernetesReviews.ts"
import type { ResourceRule } from "./ResourceRule.ts"
import type { ReviewError } from "./ReviewError.ts"
import type { User } from "./User.ts"

/** The two reviews of the Kubernetes API. Each call sends one request, without retries. */
export class Reviews extends Context.Service<
  Reviews,
  {
    /** TokenReview (authentication.k8s.io/v1). Returns the user of a token, or none if the token is not valid. */
    readonly tokenReview: (token: Redacted.Redacted) => Effect.Effect<Option.Option<User>, ReviewError>
    /** SubjectAccessReview (authorization.k8s.io/v1). True only if the answer clearly allows the access. */
    readonly subjectAccessReview: (user: User, rule: ResourceRule) => Effect.Effect<boolean, ReviewError>
  }
>()("@registry-packages-proxy/access-control/Reviews") {
  /** Reviews by the API server of `KubernetesApi`. */
  static readonly layerKubernetes: Layer.Layer<Reviews, never, KubernetesApi> = Layer.effect(
    Reviews,
    KubernetesReviews.make
  )
}
