import { Denied, NotAuthenticated, Undecided } from "@registry-packages-proxy/access-control/AccessError"
import { Authenticator } from "@registry-packages-proxy/access-control/Authenticator"
import * as ClientCertificate from "@registry-packages-proxy/access-control/ClientCertificate"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import { format } from "@registry-packages-proxy/access-control/ResourceRule"
import { Unreachable } from "@registry-packages-proxy/access-control/ReviewError"
import type { User } from "@registry-packages-proxy/access-control/User"
import { Clock, Effect, Layer, Option, Redacted } from "effect"

const undecided = (review: Undecided["review"]) =>
  new Undecided({ review, reason: new Unreachable({ detail: "set by the test" }) })

/**
 * Provides a mock Authenticator. The keys of `tokens` are the accepted tokens. A client certificate is accepted within
 * its validity period. If `isReachable` is false (default: true), authentication by token fails with `Undecided`.
 */
export const layerAuthenticator = (options: {
  readonly tokens: Readonly<Record<string, User>>
  readonly isReachable?: boolean
}): Layer.Layer<Authenticator> =>
  Layer.succeed(
    Authenticator,
    Authenticator.of({
      authenticate: ({ certificate, token }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<User, NotAuthenticated | Undecided> => {
          const byCertificate = ClientCertificate.userAt(certificate, now)
          if (Option.isSome(byCertificate)) return Effect.succeed(byCertificate.value)
          const refused = (token: NotAuthenticated["token"]) =>
            new NotAuthenticated({
              token,
              certificate: Option.flatMap(certificate, (shown) => ClientCertificate.refusalAt(shown, now))
            })
          if (Option.isNone(token)) return Effect.fail(refused("none"))
          if (options.isReachable === false) return Effect.fail(undecided("TokenReview"))
          const value = Redacted.value(token.value)
          const user = Object.hasOwn(options.tokens, value) ? options.tokens[value] : undefined
          return user === undefined ? Effect.fail(refused("refused")) : Effect.succeed(user)
        })
    })
  )

/**
 * Provides a mock Authorizer. It allows exactly the rules in `rights`. The key is a user name, and each rule is a
 * result of `ResourceRule.format`. If `isReachable` is false (default: true), every request fails with `Undecided`.
 */
export const layerAuthorizer = (options: {
  readonly rights: Readonly<Record<string, ReadonlyArray<string>>>
  readonly isReachable?: boolean
}): Layer.Layer<Authorizer> =>
  Layer.succeed(
    Authorizer,
    Authorizer.of({
      authorize: (user, rule): Effect.Effect<void, Denied | Undecided> => {
        if (options.isReachable === false) return Effect.fail(undecided("SubjectAccessReview"))
        const rights = Object.hasOwn(options.rights, user.name) ? options.rights[user.name] : undefined
        return rights?.includes(format(rule)) === true
          ? Effect.void
          : Effect.fail(new Denied({ user: user.name }))
      }
    })
  )
