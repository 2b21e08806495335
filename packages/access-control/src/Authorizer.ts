import { Clock, Context, Effect, Layer, Metric, Option } from "effect"
import { Denied, type Undecided } from "./AccessError.ts"
import * as Decisions from "./internal/reviews/Decisions.ts"
import * as Limits from "./internal/Limits.ts"
import { ReviewQueue } from "./internal/reviews/ReviewQueue.ts"
import { Rights } from "./internal/reviews/Rights.ts"
import * as Metrics from "./Metrics.ts"
import { format, type ResourceRule } from "./ResourceRule.ts"
import { Reviews } from "./Reviews.ts"
import type { User } from "./User.ts"

/** Decides what users may do. */
export class Authorizer extends Context.Service<
  Authorizer,
  {
    /** Succeeds where `user` is allowed what `rule` says, and only there. */
    readonly authorize: (user: User, rule: ResourceRule) => Effect.Effect<void, Denied | Undecided>
  }
>()("@registry-packages-proxy/access-control/Authorizer") {
  /**
   * By SubjectAccessReview: a yes is asked about again after 5 minutes, a no after 30 seconds. While the API server
   * cannot be reached, what it said within 1h30m stands.
   */
  static readonly layer: Layer.Layer<Authorizer, never, Reviews> = Layer.effect(
    Authorizer,
    Effect.suspend(() => make)
  ).pipe(Layer.provide([ReviewQueue.layer, Rights.layer]))

  /**
   * True where `authorize` would succeed at once, counted like it, for callers that cannot wait. False means "not
   * cached", not "denied". Only `layer`'s own has a cache to look into: whatever wraps it has to be asked.
   */
  static readonly isAllowedByCache = (
    authorizer: Authorizer["Service"],
    user: User,
    rule: ResourceRule
  ): boolean => authorizer instanceof CachingAuthorizer && authorizer.isAllowedByCache(user, rule)

  /** Everyone may do everything. */
  static readonly layerAllowAll: Layer.Layer<Authorizer> = Layer.sync(Authorizer, () =>
    Authorizer.of({ authorize: () => Effect.void })
  )

  /** Nobody may do anything. */
  static readonly layerDenyAll: Layer.Layer<Authorizer> = Layer.sync(Authorizer, () =>
    Authorizer.of({ authorize: (user) => new Denied({ user: user.name }) })
  )
}

/** Known by its class, which a copy with another `authorize` does not have. */
class CachingAuthorizer {
  readonly isAllowedByCache: (user: User, rule: ResourceRule) => boolean

  constructor(isAllowedByCache: CachingAuthorizer["isAllowedByCache"]) {
    this.isAllowedByCache = isAllowedByCache
  }
}

// The user is in it as a hash already; a part of a rule has no space in it.
const keyOf = (user: User, rule: ResourceRule): string =>
  `${user.fingerprint} ${rule.verb} ${rule.group} ${rule.version} ${rule.resource} ${rule.subresource} ${rule.namespace} ${rule.name}`

const make = Effect.gen(function* () {
  const reviews = yield* Reviews
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const rights = yield* Rights
  const decisions = yield* Decisions.make<true>({
    kind: "SubjectAccessReview",
    queue: yield* ReviewQueue,
    lifetime: Option.match({ onNone: () => Limits.deniedAccess, onSome: () => Limits.allowedAccess }),
    hasRight: () => true,
    lane: "access"
  })

  const asking = Authorizer.of({
    authorize: Effect.fn("authorize")(function* (user, rule) {
      const { from, verdict } = yield* decisions
        .decide({
          key: keyOf(user, rule),
          review: Effect.map(reviews.subjectAccessReview(user, rule), (may) => {
            if (may) rights.note(user)
            return may ? Option.some(true as const) : Option.none()
          }),
          endsAt: Number.POSITIVE_INFINITY
        })
        .pipe(Effect.tapError(() => Metric.update(Metrics.authorizations("undecided", "none"), 1)))
      yield* Metric.update(Metrics.authorizations(Option.isSome(verdict) ? "allowed" : "denied", from), 1)
      if (Option.isSome(verdict)) return
      if (from === "review") yield* Effect.logInfo("access denied", { user: user.name, rule: format(rule) })
      return yield* new Denied({ user: user.name })
    })
  })

  const isAllowedByCache = (user: User, rule: ResourceRule): boolean => {
    const decided = decisions.known(keyOf(user, rule), clock.currentTimeMillisUnsafe())
    if (decided === undefined || Option.isNone(decided.verdict)) return false
    Metrics.authorizations("allowed", decided.from).updateUnsafe(1, metrics)
    return true
  }

  return Object.assign(new CachingAuthorizer(isAllowedByCache), asking)
})
