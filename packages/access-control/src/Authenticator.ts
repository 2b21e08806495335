import { hash } from "node:crypto"
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
    /**
     * Who `authenticate` would say it is, where that is known now: counted like it, for whoever cannot wait. None says
     * nothing; an implementation may always answer it.
     */
    readonly known: (presented: Presented) => Option.Option<User>
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
    Layer.succeed(
      Authenticator,
      Authenticator.of({ authenticate: () => Effect.succeed(user), known: () => Option.some(user) })
    )

  /** Nobody is anyone. */
  static readonly layerDenyAll: Layer.Layer<Authenticator> = Layer.sync(Authenticator, () =>
    Authenticator.of({
      authenticate: (presented) => new NotAuthenticated({ presented: isPresented(presented) }),
      known: Option.none
    })
  )
}

const isPresented = ({ certificate, token }: Presented): boolean =>
  Option.isSome(certificate) || Option.isSome(token)

const isValid = ({ notAfter, notBefore }: ClientCertificate, now: number): boolean =>
  now >= notBefore && now <= notAfter

const keyOf = (token: string): string => hash("sha256", token, "base64url")

const make = Effect.gen(function* () {
  const reviews = yield* Reviews
  const clock = yield* Clock.Clock
  const metrics = yield* Effect.context<never>()
  const decisions = yield* Decisions.make<User>(
    {
      kind: "TokenReview",
      queue: yield* ReviewQueue,
      lifetime: Option.match({ onNone: () => Limits.refusedToken, onSome: () => Limits.acceptedToken })
    },
    { count: 0 }
  )

  const byToken = Effect.fnUntraced(function* (token: Redacted.Redacted) {
    const value = Redacted.value(token)
    const { from, verdict } = yield* decisions
      .decide({
        key: keyOf(value),
        review: reviews.tokenReview(token),
        isStranger: true,
        endsAt: (verdict) => (Option.isSome(verdict) ? tokenEnd(value) : Number.POSITIVE_INFINITY)
      })
      .pipe(Effect.tapError(() => Metric.update(Metrics.authentications("undecided", "none"), 1)))
    yield* Metric.update(Metrics.authentications(Option.isSome(verdict) ? "accepted" : "refused", from), 1)
    return Option.isSome(verdict) ? verdict.value : yield* new NotAuthenticated({ presented: true })
  })

  return Authenticator.of({
    authenticate: Effect.fnUntraced(function* (presented) {
      const { certificate, token } = presented
      if (Option.isSome(certificate)) {
        if (isValid(certificate.value, yield* Clock.currentTimeMillis)) {
          yield* Metric.update(Metrics.authentications("accepted", "certificate"), 1)
          return certificate.value.user
        }
      }
      if (Option.isSome(token)) return yield* byToken(token.value)
      yield* Metric.update(
        Metrics.authentications("refused", Option.isSome(certificate) ? "certificate" : "none"),
        1
      )
      return yield* new NotAuthenticated({ presented: isPresented(presented) })
    }),
    known: ({ certificate, token }) => {
      const now = clock.currentTimeMillisUnsafe()
      if (Option.isSome(certificate) && isValid(certificate.value, now)) {
        Metrics.authentications("accepted", "certificate").updateUnsafe(1, metrics)
        return Option.some(certificate.value.user)
      }
      if (Option.isNone(token)) return Option.none()
      const decided = decisions.known(keyOf(Redacted.value(token.value)), now)
      if (decided === undefined || Option.isNone(decided.verdict)) return Option.none()
      Metrics.authentications("accepted", decided.from).updateUnsafe(1, metrics)
      return decided.verdict
    }
  })
})
