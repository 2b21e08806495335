import type { Denied, NotAuthenticated, Undecided } from "@registry-packages-proxy/access-control/AccessError"
import {
  Authenticator,
  type PresentedCredentials
} from "@registry-packages-proxy/access-control/Authenticator"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import type { PeerCertificate } from "@registry-packages-proxy/access-control/PeerCertificate"
import type * as ResourceRule from "@registry-packages-proxy/access-control/ResourceRule"
import { Effect, Option, Redacted } from "effect"
import type { IncomingMessage } from "node:http"
import { errorType } from "../../telemetry/ErrorType.ts"
import * as CertificateRefusals from "./CertificateRefusals.ts"
import type { Problem } from "../request/Problem.ts"
import type { RequestRecord } from "../request/RequestRecord.ts"
import { type RouteName, routes } from "../request/Routes.ts"

/** The access control of the secure port. */
export interface AccessControl {
  /**
   * Authenticates the caller and authorizes the request. Returns undefined if the request is allowed, else the problem
   * to respond with. Sets `record.user` if the caller is authenticated. Allows every request for a route whose `access`
   * is `anonymous`.
   */
  readonly check: (
    request: IncomingMessage,
    route: RouteName,
    record: Pick<RequestRecord, "user">
  ) => Effect.Effect<Problem | undefined>
  /**
   * If cached decisions allow the request, returns the name of the request's user. Otherwise returns undefined, and
   * `check` must decide about the request.
   */
  readonly cachedUser: (request: IncomingMessage, route: RouteName) => string | undefined
  /**
   * Marks a request as allowed, after `cachedUser` has returned `user` for it. `check` then allows the request without
   * a second decision, so that the metrics do not count the request twice.
   */
  readonly markAllowed: (request: IncomingMessage, user: string) => void
}

// RFC 6750, section 2.1. As in Kubernetes, one space and then any visible ASCII characters.
const bearer = /^bearer ([\x21-\x7e]+)$/i

/**
 * Returns the bearer token of an `Authorization` header. None if there is no header, or if it has no valid bearer
 * token.
 */
export const bearerToken = (header: string | undefined): Option.Option<Redacted.Redacted> =>
  Option.map(Option.fromUndefinedOr(bearer.exec(header ?? "")?.[1]), (token) => Redacted.make(token))

const tokenTexts = {
  none: "Authenticate: send `Authorization: Bearer TOKEN` with a Kubernetes token, or use a client certificate.",
  refused: "The token is not valid: it is unknown, expired, or for another audience. Get a new one.",
  expired: "The token has expired: its `exp` is in the past, by this proxy's clock. Get a new one."
} as const

const unauthorized = ({ certificate, token }: NotAuthenticated): Problem => {
  const refused = Option.map(certificate, (reason) => `it ${CertificateRefusals.reasonTexts[reason]}`)
  return {
    status: 401,
    detail: Option.match(refused, {
      onNone: () => tokenTexts[token],
      onSome: (reason) =>
        token === "none"
          ? `The client certificate is not accepted: ${reason}. Get another, or send \`Authorization: Bearer TOKEN\`.`
          : `${tokenTexts[token]} The client certificate is not accepted either: ${reason}.`
    }),
    headers: { "www-authenticate": "Bearer" }
  }
}

const forbidden = (
  { user }: Denied,
  { group, name, namespace, resource, subresource, verb }: ResourceRule.ResourceRule
): Problem => ({
  status: 403,
  detail:
    `RBAC does not allow you to ${verb} ${resource}.${group}/${subresource} "${name}" in namespace ${namespace}: ` +
    `bind a role that does. You are ${user}.`
})

const unavailable = ({ reason, review }: Undecided): Problem => {
  switch (reason._tag) {
    case "Overloaded":
      return {
        status: 503,
        detail:
          "Too many callers are waiting for authorization. Ask another master node, or ask again in a second.",
        headers: { "retry-after": "1" }
      }
    case "Unreachable":
      return {
        status: 503,
        detail:
          `Authorization is unavailable: the Kubernetes API does not answer a ${review}. ` +
          "Ask again, or another master node.",
        headers: { "retry-after": "5" }
      }
    case "Forbidden":
    case "Invalid":
      return {
        status: 503,
        detail:
          `Authorization is unavailable: the Kubernetes API refuses this proxy's ${review}. ` +
          "Its log has the cause; RBAC must allow it to create them.",
        headers: { "retry-after": "30" }
      }
  }
}

/**
 * Makes the access control of the secure port. It authenticates the caller, then authorizes the request. It ignores
 * headers that claim an identity, such as `X-Remote-User`. `certificateOf` returns the client certificate of the
 * request's connection.
 */
export const make = (
  certificateOf: (request: IncomingMessage) => PeerCertificate | undefined
): Effect.Effect<AccessControl, never, Authenticator | Authorizer> =>
  Effect.gen(function* () {
    const authenticator = yield* Authenticator
    const authorizer = yield* Authorizer
    const allowed = new WeakMap<IncomingMessage, string>()
    const logRefusal = CertificateRefusals.makeLog()

    const presentedBy = (request: IncomingMessage): PresentedCredentials => ({
      certificate: Option.map(Option.fromUndefinedOr(certificateOf(request)), ({ result }) => result),
      token: bearerToken(request.headers.authorization)
    })

    const refused = (request: IncomingMessage, error: NotAuthenticated): Effect.Effect<Problem> => {
      const peer = certificateOf(request)
      const log =
        peer === undefined || Option.isNone(error.certificate)
          ? Effect.void
          : logRefusal(request.socket, peer, error.certificate.value)
      return Effect.as(log, unauthorized(error))
    }

    return {
      cachedUser: (request, route) => {
        const rule = routes[route].access
        if (rule === "anonymous") return undefined
        const user = Authenticator.cachedUser(authenticator, presentedBy(request))
        return Option.isSome(user) && Authorizer.isAllowedByCache(authorizer, user.value, rule)
          ? user.value.name
          : undefined
      },
      markAllowed: (request, user) => void allowed.set(request, user),
      check: (request, route, record) => {
        const rule = routes[route].access
        record.user = allowed.get(request)
        if (rule === "anonymous" || record.user !== undefined) return Effect.succeed(undefined)
        return authenticator.authenticate(presentedBy(request)).pipe(
          Effect.flatMap((user) => {
            record.user = user.name
            return authorizer.authorize(user, rule)
          }),
          Effect.as(undefined),
          Effect.catchTags({
            NotAuthenticated: (error) =>
              Effect.map(refused(request, error), (problem) => ({ ...problem, error: errorType(error) })),
            Denied: (error) => Effect.succeed({ ...forbidden(error, rule), error: errorType(error) }),
            Undecided: (error) => Effect.succeed({ ...unavailable(error), error: errorType(error) })
          })
        )
      }
    }
  })
