import { Clock, Context, Effect, Layer, Metric, Option } from "effect"
import { Denied, type Undecided } from "./AccessError.ts"
import * as Decisions from "./internal/reviews/Decisions.ts"
import * as Limits from "./internal/Limits.ts"
import { ReviewQueue } from "./internal/reviews/ReviewQueue.ts"
import { AllowedUsers } from "./internal/reviews/AllowedUsers.ts"
import * as Metrics from "./Metrics.ts"
import { format, type ResourceRule } from "./ResourceRule.ts"
import { Reviews } from "./Reviews.ts"
import type { User } from "./User.ts"

/** Decides whether a user has the access that a `ResourceRule` describes. */
export class Authorizer extends Context.Service<
  Authorizer,
  {
    /**
     * Succeeds if `user` has the access that `rule` describes. Fails with `Denied` if not, and with `Undecided` if
     * there is no decision.
     */
    readonly authorize: (user: User, rule: ResourceRule) => Effect.Effect<void, Denied | Undecided>
  }
>()("@registry-packages-proxy/access-control/Authorizer") {
  /**
   * Decides by SubjectAccessReview. Caches decisions for 5 minutes if the access is allowed, and for 30 seconds if it
   * is denied. While the API server is unreachable, reuses decisions of the last 90 minutes.
   */
  static readonly layer: Layer.Layer<Authorizer, never, Reviews> = Layer.effect(
    Authorizer,
    Effect.suspend(() => make)
  ).pipe(Layer.provide([ReviewQueue.layer, AllowedUsers.layer]))

  /**
   * True if a cached decision allows the access. Never waits. Counts the authorization in the metrics if the result is
   * true. False means that `authorize` must be called. It does not mean that the access is denied. Works only for the
   * service that `layer` makes. For any other `authorizer`, returns false.
   */
  static readonly isAllowedByCache = (
    authorizer: Authorizer["Service"],
    user: User,
    rule: ResourceRule
  ): boolean => authorizer instanceof CachingAuthorizer && authorizer.isAllowedByCache(user, rule)

  /** Allows every access. */
  static readonly layerAllowAll: Layer.Layer<Authorizer> = Layer.sync(Authorizer, () =>
    Authorizer.of({ authorize: () => Effect.void })
  )

  /** Fails every request with `Denied`. */
  static readonly layerDenyAll: Layer.Layer<Authorizer> = Layer.sync(Authorizer, () =>
    Authorizer.of({ authorize: (user) => new Denied({ user: user.name }) })
  )
}

/**
 * The service that `Authorizer.layer` makes. `Authorizer.isAllowedByCache` uses the cache only for instances of this
 * class. For any other service, such as a wrapper, `isAllowedByCache` returns false. The caller must then call
 * `authorize`.
 */
class CachingAuthorizer {
  readonly isAllowedByCache: (user: User, rule: ResourceRule) => boolean

  constructor(isAllowedByCache: CachingAuthorizer["isAllowedByCache"]) {
    this.isAllowedByCache = isAllowedByCache
  }
}

// Spaces separate the parts unambiguously, because neither a fingerprint nor a part of a rule contains a space.
const keyOf = (user: User, rule: ResourceRule): string =>
  `${user.fingerprint} ${rule.verb} ${rule.group} ${rule.version} ${rule.resource} ${rule.subresource} ${rule.namespace} ${rule.name}`

const make = Effect.gen(function* () {
  const reviews = yield* Reviews
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const allowedUsers = yield* AllowedUsers
  const decisions = yield* Decisions.make<true>({
    kind: "SubjectAccessReview",
    queue: yield* ReviewQueue,
    lifetime: Option.match({
      onNone: () => Limits.deniedAccessLifetime,
      onSome: () => Limits.allowedAccessLifetime
    }),
    isAllowedUser: () => true,
    lane: "access"
  })

  const authorizer = Authorizer.of({
    authorize: Effect.fn("authorize")(function* (user, rule) {
      const { from, verdict } = yield* decisions
        .decide({
          key: keyOf(user, rule),
          review: Effect.map(reviews.subjectAccessReview(user, rule), (isAllowed) => {
            if (isAllowed) allowedUsers.add(user)
            return isAllowed ? Option.some(true as const) : Option.none()
          }),
          expiresAt: Number.POSITIVE_INFINITY
        })
        .pipe(Effect.tapError(() => Metric.update(Metrics.authorizations("undecided", "none"), 1)))
      yield* Metric.update(Metrics.authorizations(Option.isSome(verdict) ? "allowed" : "denied", from), 1)
      if (Option.isSome(verdict)) return
      if (from === "review") yield* Effect.logInfo("access denied", { user: user.name, rule: format(rule) })
      return yield* new Denied({ user: user.name })
    })
  })

  const isAllowedByCache = (user: User, rule: ResourceRule): boolean => {
    const decided = decisions.cached(keyOf(user, rule), clock.currentTimeMillisUnsafe())
    if (decided === undefined || Option.isNone(decided.verdict)) return false
    Metrics.authorizations("allowed", decided.from).updateUnsafe(1, metrics)
    return true
  }

  return Object.assign(new CachingAuthorizer(isAllowedByCache), authorizer)
})
