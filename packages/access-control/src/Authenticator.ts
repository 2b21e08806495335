import { hash } from "node:crypto"
import { Clock, Context, Effect, Layer, Metric, Option, Redacted, Result } from "effect"
import { type CertificateRefusal, NotAuthenticated, type Undecided } from "./AccessError.ts"
import * as ClientCertificate from "./ClientCertificate.ts"
import * as Decisions from "./internal/reviews/Decisions.ts"
import * as Limits from "./internal/Limits.ts"
import { ReviewQueue } from "./internal/reviews/ReviewQueue.ts"
import { Rights } from "./internal/reviews/Rights.ts"
import { tokenEnd } from "./internal/reviews/TokenEnd.ts"
import * as Metrics from "./Metrics.ts"
import { Reviews } from "./Reviews.ts"
import type { User } from "./User.ts"

/** The credentials of a request. */
export interface Presented {
  /** The client certificate of its connection, or why that one does not count. */
  readonly certificate: Option.Option<ClientCertificate.Shown>
  readonly token: Option.Option<Redacted.Redacted>
}

/** Tells who a caller is. */
export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** By the certificate where it is good now, else by the token. */
    readonly authenticate: (presented: Presented) => Effect.Effect<User, NotAuthenticated | Undecided>
  }
>()("@registry-packages-proxy/access-control/Authenticator") {
  /**
   * Tokens by TokenReview: an accepted one is asked about again after 2 minutes, a refused one after 30 seconds. While
   * the API server cannot be reached, what it said within 1h30m stands. A JWT past its `exp` is refused without asking,
   * whoever signed it.
   */
  static readonly layer: Layer.Layer<Authenticator, never, Reviews> = Layer.effect(
    Authenticator,
    Effect.suspend(() => make)
  ).pipe(Layer.provide([ReviewQueue.layer, Rights.layer]))

  /**
   * The user whom `authenticate` would answer at once, counted like it, for callers that cannot wait. None means "not
   * cached", not "refused". Only `layer`'s own has a cache to look into: whatever wraps it has to be asked.
   */
  static readonly cachedUser = (
    authenticator: Authenticator["Service"],
    presented: Presented
  ): Option.Option<User> =>
    authenticator instanceof CachingAuthenticator ? authenticator.cachedUser(presented) : Option.none()

  /** Everyone is `user`, whatever they present. */
  static readonly layerAllowAll = (user: User): Layer.Layer<Authenticator> =>
    Layer.succeed(Authenticator, Authenticator.of({ authenticate: () => Effect.succeed(user) }))

  /** Nobody is anyone. */
  static readonly layerDenyAll: Layer.Layer<Authenticator> = Layer.sync(Authenticator, () =>
    Authenticator.of({
      authenticate: ({ certificate, token }) =>
        new NotAuthenticated({
          token: Option.isSome(token) ? "refused" : "none",
          certificate: Option.flatMap(certificate, Result.getFailure)
        })
    })
  )
}

/** Known by its class, which a copy with another `authenticate` does not have. */
class CachingAuthenticator {
  readonly cachedUser: (presented: Presented) => Option.Option<User>

  constructor(cachedUser: CachingAuthenticator["cachedUser"]) {
    this.cachedUser = cachedUser
  }
}

const keyOf = (token: string): string => hash("sha256", token, "base64url")

const make = Effect.gen(function* () {
  const reviews = yield* Reviews
  const rights = yield* Rights
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const decisions = yield* Decisions.make<User>({
    kind: "TokenReview",
    queue: yield* ReviewQueue,
    lifetime: Option.match({ onNone: () => Limits.refusedToken, onSome: () => Limits.acceptedToken }),
    hasRight: rights.has,
    lane: "token"
  })

  const byToken = Effect.fnUntraced(function* (
    token: Redacted.Redacted,
    certificate: Option.Option<CertificateRefusal>,
    now: number
  ) {
    const value = Redacted.value(token)
    const endsAt = tokenEnd(value)
    if (now >= endsAt) {
      yield* Metric.update(Metrics.authentications("refused", "expiry"), 1)
      return yield* new NotAuthenticated({ token: "expired", certificate })
    }
    const { from, verdict } = yield* decisions
      .decide({ key: keyOf(value), review: reviews.tokenReview(token), endsAt })
      .pipe(Effect.tapError(() => Metric.update(Metrics.authentications("undecided", "none"), 1)))
    yield* Metric.update(Metrics.authentications(Option.isSome(verdict) ? "accepted" : "refused", from), 1)
    return Option.isSome(verdict)
      ? verdict.value
      : yield* new NotAuthenticated({ token: "refused", certificate })
  })

  const asking = Authenticator.of({
    authenticate: Effect.fn("authenticate")(function* ({ certificate, token }) {
      const now = yield* Clock.currentTimeMillis
      const user = ClientCertificate.userAt(certificate, now)
      if (Option.isSome(user)) {
        yield* Metric.update(Metrics.authentications("accepted", "certificate"), 1)
        return user.value
      }
      const refusal = Option.flatMap(certificate, (shown) => ClientCertificate.refusalAt(shown, now))
      if (Option.isSome(token)) return yield* byToken(token.value, refusal, now)
      const from = Option.isSome(refusal) ? "certificate" : "none"
      yield* Metric.update(Metrics.authentications("refused", from), 1)
      return yield* new NotAuthenticated({ token: "none", certificate: refusal })
    })
  })

  const cachedUser = ({ certificate, token }: Presented): Option.Option<User> => {
    const now = clock.currentTimeMillisUnsafe()
    const user = ClientCertificate.userAt(certificate, now)
    if (Option.isSome(user)) {
      Metrics.authentications("accepted", "certificate").updateUnsafe(1, metrics)
      return user
    }
    if (Option.isNone(token)) return Option.none()
    const decided = decisions.known(keyOf(Redacted.value(token.value)), now)
    if (decided === undefined || Option.isNone(decided.verdict)) return Option.none()
    Metrics.authentications("accepted", decided.from).updateUnsafe(1, metrics)
    return decided.verdict
  }

  return Object.assign(new CachingAuthenticator(cachedUser), asking)
})
