import { Effect, Redacted, Schema } from "effect"
import { KubernetesApi } from "../KubernetesApi.ts"
import type { KubernetesError } from "../KubernetesError.ts"
import type { Resource } from "../Resource.ts"

// The API server (written in Go) omits an empty field or writes null.
const Strings = Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))

/** The `status` of an `authentication.k8s.io/v1` TokenReview. */
export const TokenReviewStatus = Schema.Struct({
  authenticated: Schema.optionalKey(Schema.Boolean),
  user: Schema.optionalKey(
    Schema.Struct({
      username: Schema.optionalKey(Schema.String),
      uid: Schema.optionalKey(Schema.String),
      groups: Strings,
      extra: Schema.optionalKey(
        Schema.NullOr(Schema.Record(Schema.String, Schema.NullOr(Schema.Array(Schema.String))))
      )
    })
  ),
  audiences: Strings,
  /** The reason why the token could not be checked. May be present together with `authenticated: false`. */
  error: Schema.optionalKey(Schema.String)
})
export type TokenReviewStatus = typeof TokenReviewStatus.Type

const TokenReview = Schema.Struct({ status: TokenReviewStatus })

const tokenReviews: Resource<typeof TokenReview.Type> = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenReview",
  plural: "tokenreviews",
  schema: TokenReview
}

/**
 * Asks the API server for the user of a bearer token. Needs the RBAC verb `create` on
 * `tokenreviews.authentication.k8s.io`.
 */
export const review = (
  token: Redacted.Redacted,
  options: { readonly audiences?: ReadonlyArray<string> } = {}
): Effect.Effect<TokenReviewStatus, KubernetesError, KubernetesApi> =>
  KubernetesApi.use((api) =>
    Effect.map(
      api.create(tokenReviews, { spec: { token: Redacted.value(token), ...options } }),
      ({ status }) => status
    )
  )
