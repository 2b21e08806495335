import { format, type ResourceRule } from "@registry-packages-proxy/access-control/ResourceRule"
import { ReviewError } from "@registry-packages-proxy/access-control/ReviewError"
import { Reviews } from "@registry-packages-proxy/access-control/Reviews"
import { authenticatedGroup, User } from "@registry-packages-proxy/access-control/User"
import { Effect, Layer, Option, Redacted } from "effect"

/** A user as TokenReview gives one. */
export const user = (name: string, fields: Partial<Pick<User, "uid" | "groups" | "extra">> = {}): User =>
  new User({ name, uid: "", groups: [authenticatedGroup], extra: {}, ...fields })

/** What an API server with these users and rights answers; may be changed at any time. */
export interface ReviewsState {
  readonly tokens: Map<string, User>
  /** By user name: the rules, as `ResourceRule.format` writes them. */
  readonly rights: Map<string, ReadonlyArray<string>>
  /** Every review fails for this reason. */
  failure: ReviewError["reason"] | undefined
  /** What a review waits for before it is answered. */
  gate: Effect.Effect<void>
}

/** An API server's reviews in memory, and what it was asked. */
export const make = (initial: Partial<ReviewsState> = {}) => {
  const state: ReviewsState = {
    tokens: new Map(),
    rights: new Map(),
    failure: undefined,
    gate: Effect.void,
    ...initial
  }
  const asked = { tokens: new Array<string>(), accesses: new Array<readonly [User, ResourceRule]>() }
  let [underWay, mostUnderWay] = [0, 0]

  const answer = <A>(result: () => A): Effect.Effect<A, ReviewError> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        underWay++
        mostUnderWay = Math.max(mostUnderWay, underWay)
      }),
      () =>
        Effect.andThen(
          Effect.suspend(() => state.gate),
          Effect.suspend(() =>
            state.failure === undefined
              ? Effect.sync(result)
              : Effect.fail(new ReviewError({ reason: state.failure }))
          )
        ),
      () => Effect.sync(() => void underWay--)
    )

  const reviews = Reviews.of({
    tokenReview: (token) => {
      const value = Redacted.value(token)
      return Effect.suspend(() => {
        asked.tokens.push(value)
        return answer(() => Option.fromUndefinedOr(state.tokens.get(value)))
      })
    },
    subjectAccessReview: (user, rule) =>
      Effect.suspend(() => {
        asked.accesses.push([user, rule])
        return answer(() => (state.rights.get(user.name) ?? []).includes(format(rule)))
      })
  })

  return {
    state,
    asked,
    /** The most reviews that were under way at once. */
    mostUnderWay: () => mostUnderWay,
    layer: Layer.succeed(Reviews, reviews)
  }
}
