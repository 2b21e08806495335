import { createHash } from "node:crypto"
import { Clock, Context, Effect, Layer, Metric, Option, Redacted } from "effect"
import { NotAuthenticated, type Undecided } from "./AccessError.ts"
import * as Decisions from "./internal/Decisions.ts"
import * as Limits from "./internal/Limits.ts"
import { ReviewQueue } from "./internal/ReviewQueue.ts"
import { tokenEnd } from "./internal/TokenEnd.ts"
import * as Metrics from "./Metrics.ts"
import { Reviews } from "./Reviews.ts"
import type { User } from "./User.ts"

/** A client certificate that a connection proved, and that an authority we trust signed; times as in `Date`. */
export interface ClientCertificate {
  readonly user: User
  readonly notBefore: number
  readonly notAfter: number
}

/** What a request says of who sent it. */
export interface Presented {
  readonly certificate: Option.Option<ClientCertificate>
  readonly token: Option.Option<Redacted.Redacted>
}

/** Who a caller is. */
export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** By the certificate where it is good now, else by the token. */
    readonly authenticate: (presented: Presented) => Effect.Effect<User, NotAuthenticated | Undecided>
  }
>()("@registry-packages-proxy/access-control/Authenticator") {
  /**
   * Tokens by TokenReview: an accepted one is asked about again after 2 minutes, and never used past its `exp`; a
   * refused one after 30 seconds. While the API server cannot be reached, what it said within 1h30m stands.
   */
  static readonly layer: Layer.Layer<Authenticator, never, Reviews> = Layer.effect(
    Authenticator,
    Effect.suspend(() => make)
  ).pipe(Layer.provide(ReviewQueue.layer))

  /** Everyone is `user`, whatever they present. */
  static readonly layerAllowAll = (user: User): Layer.Layer<Authenticator> =>
    Layer.succeed(Authenticator, Authenticator.of({ authenticate: () => Effect.succeed(user) }))

  /** Nobody is anyone. */
  static readonly layerDenyAll: Layer.Layer<Authenticator> = Layer.sync(Authenticator, () =>
    Authenticator.of({
      authenticate: (presented) => new NotAuthenticated({ presented: isPresented(presented) })
    })
  )
}

const isPresented = ({ certificate, token }: Presented): boolean =>
  Option.isSome(certificate) || Option.isSome(token)

const make = Effect.gen(function* () {
  const reviews = yield* Reviews
  const decide = yield* Decisions.make<User>(
    {
      kind: "TokenReview",
      queue: yield* ReviewQueue,
      lifetime: Option.match({ onNone: () => Limits.refusedToken, onSome: () => Limits.acceptedToken })
    },
    { count: 0 }
  )

  const byToken = Effect.fnUntraced(function* (token: Redacted.Redacted) {
    const value = Redacted.value(token)
    const { from, verdict } = yield* decide({
      key: createHash("sha256").update(value).digest("base64url"),
      review: reviews.tokenReview(token),
      isStranger: true,
      endsAt: (verdict) => (Option.isSome(verdict) ? tokenEnd(value) : Number.POSITIVE_INFINITY)
    }).pipe(Effect.tapError(() => Metric.update(Metrics.authentications("undecided", "none"), 1)))
    yield* Metric.update(Metrics.authentications(Option.isSome(verdict) ? "accepted" : "refused", from), 1)
    return Option.isSome(verdict) ? verdict.value : yield* new NotAuthenticated({ presented: true })
  })

  return Authenticator.of({
    authenticate: Effect.fnUntraced(function* (presented) {
      const { certificate, token } = presented
      if (Option.isSome(certificate)) {
        const { notAfter, notBefore, user } = certificate.value
        const now = yield* Clock.currentTimeMillis
        if (now >= notBefore && now <= notAfter) {
          yield* Metric.update(Metrics.authentications("accepted", "certificate"), 1)
          return user
        }
      }
      if (Option.isSome(token)) return yield* byToken(token.value)
      yield* Metric.update(
        Metrics.authentications("refused", Option.isSome(certificate) ? "certificate" : "none"),
        1
      )
      return yield* new NotAuthenticated({ presented: isPresented(presented) })
    })
  })
})
