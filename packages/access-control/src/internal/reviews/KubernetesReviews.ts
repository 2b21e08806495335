import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import type { KubernetesError } from "@registry-packages-proxy/kubernetes/KubernetesError"
import * as SubjectAccessReviews from "@registry-packages-proxy/kubernetes/reviews/SubjectAccessReviews"
import * as TokenReviews from "@registry-packages-proxy/kubernetes/reviews/TokenReviews"
import { Effect, Option, Record, type Redacted } from "effect"
import { Forbidden, Invalid, ReviewError, Unreachable } from "../../ReviewError.ts"
import type { ResourceRule } from "../../ResourceRule.ts"
import { User } from "../../User.ts"

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

/** Returns the user of a reviewed token. None if the status is not `authenticated`, or names no user. */
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

/** Makes the service `Reviews`. It sends its requests with the service `KubernetesApi`. */
export const make = Effect.map(KubernetesApi, (api) => {
  const withApi = Effect.provideService(KubernetesApi, api)
  return {
    // The request names no audiences. The API server then checks that the token is for its own audience.
    tokenReview: (token: Redacted.Redacted) =>
      TokenReviews.review(token).pipe(withApi, Effect.map(userOf), Effect.mapError(errorOf)),
    subjectAccessReview: (user: User, { name, namespace, ...rule }: ResourceRule) =>
      SubjectAccessReviews.review({
        user: user.name,
        uid: user.uid,
        groups: user.groups,
        extra: user.extra,
        resourceAttributes: { ...rule, namespace, name }
      }).pipe(
        withApi,
        Effect.map(({ allowed, denied }) => allowed && denied !== true),
        Effect.mapError(errorOf)
      )
  }
})
