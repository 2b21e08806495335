import { format, type ResourceRule } from "@registry-packages-proxy/access-control/ResourceRule"
import { ReviewError } from "@registry-packages-proxy/access-control/ReviewError"
import { Reviews } from "@registry-packages-proxy/access-control/Reviews"
import { authenticatedGroup, User } from "@registry-packages-proxy/access-control/User"
import { Effect, Layer, Option, Redacted } from "effect"

/** A user as a TokenReview gives it. */
export const user = (name: string, fields: Partial<Pick<User, "uid" | "groups" | "extra">> = {}): User =>
  new User({ name, uid: "", groups: [authenticatedGroup], extra: {}, ...fields })

/** The users and rights behind the mock; may be changed at any time. */
export interface ReviewsState {
  readonly tokens: Map<string, User>
  /** By user name: rules as `ResourceRule.format` writes them. */
  readonly rights: Map<string, ReadonlyArray<string>>
  /** Every review fails for this reason. */
  failure: ReviewError["reason"] | undefined
  /** Each review waits for this before it returns. */
  gate: Effect.Effect<void>
}

/** Mock Reviews, and a record of the calls. */
export const make = (initial: Partial<ReviewsState> = {}) => {
  const state: ReviewsState = {
    tokens: new Map(),
    rights: new Map(),
    failure: undefined,
    gate: Effect.void,
    ...initial
  }
  const asked = { tokens: new Array<string>(), accesses: new Array<readonly [User, ResourceRule]>() }
  let [inProgress, mostInProgress] = [0, 0]

  const answer = <A>(result: () => A): Effect.Effect<A, ReviewError> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        inProgress++
        mostInProgress = Math.max(mostInProgress, inProgress)
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
      () => Effect.sync(() => void inProgress--)
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
    /** The largest number of reviews in progress at once. */
    mostInProgress: () => mostInProgress,
    layer: Layer.succeed(Reviews, reviews)
  }
}
