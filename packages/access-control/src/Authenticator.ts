import { hash } from "node:crypto"
import { Clock, Context, Effect, Layer, Metric, Option, Redacted, Result } from "effect"
import { type CertificateRefusal, NotAuthenticated, type Undecided } from "./AccessError.ts"
import * as ClientCertificate from "./ClientCertificate.ts"
import * as Decisions from "./internal/reviews/Decisions.ts"
import * as Limits from "./internal/Limits.ts"
import { ReviewQueue } from "./internal/reviews/ReviewQueue.ts"
import { AllowedUsers } from "./internal/reviews/AllowedUsers.ts"
import { tokenExpiry } from "./internal/reviews/TokenExpiry.ts"
import * as Metrics from "./Metrics.ts"
import { Reviews } from "./Reviews.ts"
import type { User } from "./User.ts"

/** The credentials of a request. */
export interface PresentedCredentials {
  /**
   * The client certificate of the connection, or the reason why it was refused. None if the client sent no certificate.
   */
  readonly certificate: Option.Option<ClientCertificate.CertificateResult>
  readonly token: Option.Option<Redacted.Redacted>
}

/** Identifies the user of a request. */
export class Authenticator extends Context.Service<
  Authenticator,
  {
    /**
     * Returns the user of the certificate if the certificate is valid now, else the user of the token. Fails with
     * `NotAuthenticated` if neither is valid, and with `Undecided` if the token cannot be checked.
     */
    readonly authenticate: (
      presented: PresentedCredentials
    ) => Effect.Effect<User, NotAuthenticated | Undecided>
  }
>()("@registry-packages-proxy/access-control/Authenticator") {
  /**
   * Validates tokens by TokenReview. Caches acceptances for 2 minutes and refusals for 30 seconds. While the API server
   * is unreachable, reuses decisions of the last 90 minutes. If the `exp` of a JWT has passed, refuses the JWT without
   * a review.
   */
  static readonly layer: Layer.Layer<Authenticator, never, Reviews> = Layer.effect(
    Authenticator,
    Effect.suspend(() => make)
  ).pipe(Layer.provide([ReviewQueue.layer, AllowedUsers.layer]))

  /**
   * Returns the user of the certificate if the certificate is valid now, else the user in the cached decision about the
   * token. Never waits. Counts the authentication in the metrics if there is a user. None means that `authenticate`
   * must be called. It does not mean that the caller is refused. Works only for the service that `layer` makes. For any
   * other `authenticator`, returns none.
   */
  static readonly cachedUser = (
    authenticator: Authenticator["Service"],
    presented: PresentedCredentials
  ): Option.Option<User> =>
    authenticator instanceof CachingAuthenticator ? authenticator.cachedUser(presented) : Option.none()

  /** Authenticates every request as `user`. */
  static readonly layerAllowAll = (user: User): Layer.Layer<Authenticator> =>
    Layer.succeed(Authenticator, Authenticator.of({ authenticate: () => Effect.succeed(user) }))

  /** Fails every request with `NotAuthenticated`. */
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

/**
 * The class of the service that `Authenticator.layer` makes. `Authenticator.cachedUser` uses the cache only for
 * instances of this class. For any other service, such as a wrapper, `Authenticator.cachedUser` returns none. The
 * caller must then call `authenticate`.
 */
class CachingAuthenticator {
  readonly cachedUser: (presented: PresentedCredentials) => Option.Option<User>

  constructor(cachedUser: CachingAuthenticator["cachedUser"]) {
    this.cachedUser = cachedUser
  }
}

const keyOf = (token: string): string => hash("sha256", token, "base64url")

const make = Effect.gen(function* () {
  const reviews = yield* Reviews
  const allowedUsers = yield* AllowedUsers
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const decisions = yield* Decisions.make<User>({
    kind: "TokenReview",
    queue: yield* ReviewQueue,
    lifetime: Option.match({
      onNone: () => Limits.refusedTokenLifetime,
      onSome: () => Limits.acceptedTokenLifetime
    }),
    isAllowedUser: allowedUsers.has,
    lane: "token"
  })

  const byToken = Effect.fnUntraced(function* (
    token: Redacted.Redacted,
    certificate: Option.Option<CertificateRefusal>,
    now: number
  ) {
    const value = Redacted.value(token)
    const expiresAt = tokenExpiry(value)
    if (now >= expiresAt) {
      yield* Metric.update(Metrics.authentications("refused", "expiry"), 1)
      return yield* new NotAuthenticated({ token: "expired", certificate })
    }
    const { from, verdict } = yield* decisions
      .decide({ key: keyOf(value), review: reviews.tokenReview(token), expiresAt })
      .pipe(Effect.tapError(() => Metric.update(Metrics.authentications("undecided", "none"), 1)))
    yield* Metric.update(Metrics.authentications(Option.isSome(verdict) ? "accepted" : "refused", from), 1)
    return Option.isSome(verdict)
      ? verdict.value
      : yield* new NotAuthenticated({ token: "refused", certificate })
  })

  const authenticator = Authenticator.of({
    authenticate: Effect.fn("authenticate")(function* ({ certificate, token }) {
      const now = yield* Clock.currentTimeMillis
      const user = ClientCertificate.userAt(certificate, now)
      if (Option.isSome(user)) {
        yield* Metric.update(Metrics.authentications("accepted", "certificate"), 1)
        return user.value
      }
      const refusal = Option.flatMap(certificate, (result) => ClientCertificate.refusalAt(result, now))
      if (Option.isSome(token)) return yield* byToken(token.value, refusal, now)
      const from = Option.isSome(refusal) ? "certificate" : "none"
      yield* Metric.update(Metrics.authentications("refused", from), 1)
      return yield* new NotAuthenticated({ token: "none", certificate: refusal })
    })
  })

  const cachedUser = ({ certificate, token }: PresentedCredentials): Option.Option<User> => {
    const now = clock.currentTimeMillisUnsafe()
    const user = ClientCertificate.userAt(certificate, now)
    if (Option.isSome(user)) {
      Metrics.authentications("accepted", "certificate").updateUnsafe(1, metrics)
      return user
    }
    if (Option.isNone(token)) return Option.none()
    const decided = decisions.cached(keyOf(Redacted.value(token.value)), now)
    if (decided === undefined || Option.isNone(decided.verdict)) return Option.none()
    Metrics.authentications("accepted", decided.from).updateUnsafe(1, metrics)
    return decided.verdict
  }

  return Object.assign(new CachingAuthenticator(cachedUser), authenticator)
})
