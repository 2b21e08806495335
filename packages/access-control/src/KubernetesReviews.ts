import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import type { KubernetesError } from "@registry-packages-proxy/kubernetes/KubernetesError"
import * as SubjectAccessReviews from "@registry-packages-proxy/kubernetes/reviews/SubjectAccessReviews"
import * as TokenReviews from "@registry-packages-proxy/kubernetes/reviews/TokenReviews"
import { Effect, Layer, Option, Record } from "effect"
import { Forbidden, Invalid, ReviewError, Reviews, Unreachable } from "./Reviews.ts"
import { User } from "./User.ts"

const errorOf = ({ reason }: KubernetesError): ReviewError => {
  const { detail } = reason
  switch (reason._tag) {
    case "Unreachable":
      return new ReviewError({ reason: new Unreachable({ detail }) })
    case "Forbidden":
      return new ReviewError({ reason: new Forbidden({ detail }) })
    case "NotFound":
    case "Gone":
    case "Invalid":
      return new ReviewError({ reason: new Invalid({ detail }) })
  }
}

/** Whose token it is; only a review that says so in every part is a yes. */
const userOf = ({ authenticated, user }: TokenReviews.TokenReviewStatus): Option.Option<User> => {
  const name = user?.username ?? ""
  if (authenticated !== true || name === "") return Option.none()
  return Option.some(
    new User({
      name,
      uid: user?.uid ?? "",
      groups: user?.groups ?? [],
      extra: Record.map(user?.extra ?? {}, (values) => values ?? [])
    })
  )
}

/** Reviews by the API server. */
export const layer: Layer.Layer<Reviews, never, KubernetesApi> = Layer.effect(
  Reviews,
  Effect.map(KubernetesApi, (api) => {
    const asked = Effect.provideService(KubernetesApi, api)
    return Reviews.of({
      // Without audiences the API server asks for its own.
      tokenReview: (token) =>
        TokenReviews.review(token).pipe(asked, Effect.map(userOf), Effect.mapError(errorOf)),
      subjectAccessReview: (user, { name, namespace, ...rule }) =>
        SubjectAccessReviews.review({
          user: user.name,
          uid: user.uid,
          groups: user.groups,
          extra: user.extra,
          resourceAttributes: { ...rule, namespace, name }
        }).pipe(
          asked,
          Effect.map(({ allowed, denied }) => allowed && denied !== true),
          Effect.mapError(errorOf)
        )
    })
  })
)
