import { createHash } from "node:crypto"
import { Context, Effect, Layer, Metric, Option } from "effect"
import { Denied, type Undecided } from "./AccessError.ts"
import * as Decisions from "./internal/Decisions.ts"
import * as Limits from "./internal/Limits.ts"
import { ReviewQueue } from "./internal/ReviewQueue.ts"
import * as Metrics from "./Metrics.ts"
import { format, type ResourceRule } from "./ResourceRule.ts"
import { Reviews } from "./Reviews.ts"
import type { User } from "./User.ts"

/** Whether a user may. */
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
  ).pipe(Layer.provide(ReviewQueue.layer))

  /** Everyone may do everything. */
  static readonly layerAllowAll: Layer.Layer<Authorizer> = Layer.sync(Authorizer, () =>
    Authorizer.of({ authorize: () => Effect.void })
  )

  /** Nobody may do anything. */
  static readonly layerDenyAll: Layer.Layer<Authorizer> = Layer.sync(Authorizer, () =>
    Authorizer.of({ authorize: (user) => new Denied({ user: user.name }) })
  )
}

const make = Effect.gen(function* () {
  const reviews = yield* Reviews
  const decide = yield* Decisions.make<true>(
    {
      kind: "SubjectAccessReview",
      queue: yield* ReviewQueue,
      lifetime: Option.match({ onNone: () => Limits.deniedAccess, onSome: () => Limits.allowedAccess })
    },
    { count: 0 }
  )

  const keyOf = (user: User, rule: ResourceRule): string =>
    createHash("sha256")
      .update(
        JSON.stringify([
          user.fingerprint,
          rule.verb,
          rule.group,
          rule.version,
          rule.resource,
          rule.subresource,
          rule.namespace,
          rule.name
        ])
      )
      .digest("base64url")

  return Authorizer.of({
    authorize: Effect.fnUntraced(function* (user, rule) {
      const { from, verdict } = yield* decide({
        key: keyOf(user, rule),
        review: Effect.map(reviews.subjectAccessReview(user, rule), (may) =>
          may ? Option.some(true as const) : Option.none()
        ),
        // Whoever gets here was authenticated.
        isStranger: false
      }).pipe(Effect.tapError(() => Metric.update(Metrics.authorizations("undecided", "none"), 1)))
      yield* Metric.update(Metrics.authorizations(Option.isSome(verdict) ? "allowed" : "denied", from), 1)
      if (Option.isSome(verdict)) return
      if (from === "review") yield* Effect.logInfo("access denied", { user: user.name, rule: format(rule) })
      return yield* new Denied({ user: user.name })
    })
  })
})
