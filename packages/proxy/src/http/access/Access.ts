import type { Denied, NotAuthenticated, Undecided } from "@registry-packages-proxy/access-control/AccessError"
import { Authenticator, type Presented } from "@registry-packages-proxy/access-control/Authenticator"
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

/** Who gets through to a route. */
export interface Gate {
  /** The problem that a request is refused with, if it is; the record is told its user. */
  readonly ask: (
    request: IncomingMessage,
    route: RouteName,
    record: Pick<RequestRecord, "user">
  ) => Effect.Effect<Problem | undefined>
  /** The name of a request's user, if a cached decision allows the request. None means "not cached", not "refused". */
  readonly known: (request: IncomingMessage, route: RouteName) => string | undefined
  /** Remembers such a user, so that the request is not asked about, and counted, again. */
  readonly admit: (request: IncomingMessage, user: string) => void
}

// RFC 6750, section 2.1; like Kubernetes, one space and any characters that a token may be written with.
const bearer = /^bearer ([\x21-\x7e]+)$/i

/** The bearer token of an `Authorization` header. */
export const tokenOf = (header: string | undefined): Option.Option<Redacted.Redacted> =>
  Option.map(Option.fromUndefinedOr(bearer.exec(header ?? "")?.[1]), (token) => Redacted.make(token))

const tokenWords = {
  none: "Say who you are: send `Authorization: Bearer TOKEN` with a Kubernetes token, or use a client certificate.",
  refused: "The token is not valid: unknown, expired, or for another audience. Get a new one.",
  expired: "The token has expired: its `exp` is past, by the clock of this proxy. Get a new one."
} as const

const unauthorized = ({ certificate, token }: NotAuthenticated): Problem => {
  const refused = Option.map(certificate, (reason) => `it ${CertificateRefusals.words[reason]}`)
  return {
    status: 401,
    detail: Option.match(refused, {
      onNone: () => tokenWords[token],
      onSome: (reason) =>
        token === "none"
          ? `The client certificate is not accepted: ${reason}. Get another, or send \`Authorization: Bearer TOKEN\`.`
          : `${tokenWords[token]} The client certificate is not accepted either: ${reason}.`
    }),
    headers: { "www-authenticate": "Bearer" }
  }
}

const forbidden = (
  { user }: Denied,
  { group, name, namespace, resource, subresource, verb }: ResourceRule.ResourceRule
): Problem => ({
  status: 403,
  detail: `RBAC gives you no ${verb} on ${resource}.${group}/${subresource} "${name}" in namespace ${namespace}: bind a role that does. You are ${user}.`
})

const unavailable = ({ reason, review }: Undecided): Problem => {
  switch (reason._tag) {
    case "Overloaded":
      return {
        status: 503,
        detail: "Too many callers wait to be authenticated. Ask another master node, or again in a second.",
        headers: { "retry-after": "1" }
      }
    case "Unreachable":
      return {
        status: 503,
        detail: `The Kubernetes API does not answer a ${review}, so nobody knows whether you may. Ask again, or another master node.`,
        headers: { "retry-after": "5" }
      }
    case "Forbidden":
    case "Invalid":
      return {
        status: 503,
        detail: `The Kubernetes API refuses this proxy a ${review}. Its operator finds the cause in its log: RBAC must let it create those.`,
        headers: { "retry-after": "30" }
      }
  }
}

/**
 * The gate of the secure port: who the request is from, then whether they may. Headers that claim an identity are not
 * looked at; `certificateOf` tells the client certificate of the request's connection.
 */
export const make = (
  certificateOf: (request: IncomingMessage) => PeerCertificate | undefined
): Effect.Effect<Gate, never, Authenticator | Authorizer> =>
  Effect.gen(function* () {
    const authenticator = yield* Authenticator
    const authorizer = yield* Authorizer
    const admitted = new WeakMap<IncomingMessage, string>()
    const logRefusal = CertificateRefusals.makeLog()

    const presentedBy = (request: IncomingMessage): Presented => ({
      certificate: Option.map(Option.fromUndefinedOr(certificateOf(request)), ({ result }) => result),
      token: tokenOf(request.headers.authorization)
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
      known: (request, route) => {
        const rule = routes[route].access
        if (rule === "anonymous") return undefined
        const user = Authenticator.cachedUser(authenticator, presentedBy(request))
        return Option.isSome(user) && Authorizer.isAllowedByCache(authorizer, user.value, rule)
          ? user.value.name
          : undefined
      },
      admit: (request, user) => void admitted.set(request, user),
      ask: (request, route, record) => {
        const rule = routes[route].access
        record.user = admitted.get(request)
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
