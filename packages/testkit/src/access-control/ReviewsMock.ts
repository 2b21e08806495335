import { format, type ResourceRule } from "@registry-packages-proxy/access-control/ResourceRule"
import { ReviewError } from "@registry-packages-proxy/access-control/ReviewError"
import { Reviews } from "@registry-packages-proxy/access-control/Reviews"
import { authenticatedGroup, User } from "@registry-packages-proxy/access-control/User"
import { Effect, Layer, Option, Redacted } from "effect"

/**
 * Makes a user as a TokenReview returns it. By default, the user has no uid and is only in the group
 * `system:authenticated`.
 */
export const authenticatedUser = (
  name: string,
  fields: Partial<Pick<User, "uid" | "groups" | "extra">> = {}
): User => new User({ name, uid: "", groups: [authenticatedGroup], extra: {}, ...fields })

/** The users and rights that decide the mock's reviews. A test may change them at any time. */
export interface ReviewDecisions {
  readonly tokens: Map<string, User>
  /**
   * The rules that each user is authorized for. The key is a user name. Each rule is a result of `ResourceRule.format`.
   */
  readonly rights: Map<string, ReadonlyArray<string>>
  /** If set, every review fails with this reason. */
  failure: ReviewError["reason"] | undefined
  /** An effect that runs in each review, before the mock decides the result. Default: `Effect.void`. */
  beforeResult: Effect.Effect<void>
}

/**
 * Makes a mock of Reviews. Returns its `layer`, and its `state`, which a test may change. `receivedReviews` has the
 * arguments of all reviews so far.
 */
export const make = (initial: Partial<ReviewDecisions> = {}) => {
  const state: ReviewDecisions = {
    tokens: new Map(),
    rights: new Map(),
    failure: undefined,
    beforeResult: Effect.void,
    ...initial
  }
  const receivedReviews = {
    tokens: new Array<string>(),
    accesses: new Array<readonly [User, ResourceRule]>()
  }
  let [inProgress, maxInProgress] = [0, 0]

  const review = <A>(result: () => A): Effect.Effect<A, ReviewError> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        inProgress++
        maxInProgress = Math.max(maxInProgress, inProgress)
      }),
      () =>
        Effect.andThen(
          Effect.suspend(() => state.beforeResult),
          Effect.suspend(() =>
            state.failure === undefined
              ? Effect.sync(result)
              : Effect.fail(new ReviewError({ reason: state.failure }))
          )
        ),
      () => Effect.sync(() => void inProgress--)
    )

  const reviews = Reviews.of({
    tokenReview: (token) => {
      const value = Redacted.value(token)
      return Effect.suspend(() => {
        receivedReviews.tokens.push(value)
        return review(() => Option.fromUndefinedOr(state.tokens.get(value)))
      })
    },
    subjectAccessReview: (user, rule) =>
      Effect.suspend(() => {
        receivedReviews.accesses.push([user, rule])
        return review(() => (state.rights.get(user.name) ?? []).includes(format(rule)))
      })
  })

  return {
    state,
    receivedReviews,
    /** Returns the largest number of reviews that were in progress at the same time. */
    maxInProgress: () => maxInProgress,
    layer: Layer.succeed(Reviews, reviews)
  }
}
