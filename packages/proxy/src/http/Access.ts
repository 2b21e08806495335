import type { Denied, NotAuthenticated, Undecided } from "@registry-packages-proxy/access-control/AccessError"
import {
  Authenticator,
  type ClientCertificate,
  type Presented
} from "@registry-packages-proxy/access-control/Authenticator"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import * as ResourceRule from "@registry-packages-proxy/access-control/ResourceRule"
import { Effect, Option, Redacted } from "effect"
import type { IncomingMessage } from "node:http"
import type { Exchange, KnownRoute } from "./Exchange.ts"
import type { Problem } from "./Problem.ts"

/** Who gets through to a route. */
export interface Gate {
  /** The problem that a request is refused with, if it is; the exchange is told its user. */
  readonly ask: (
    request: IncomingMessage,
    route: KnownRoute,
    exchange: Pick<Exchange, "user">
  ) => Effect.Effect<Problem | undefined>
  /** The name of a request's user, if a cached decision allows the request. None means "not cached", not "refused". */
  readonly known: (request: IncomingMessage, route: KnownRoute) => string | undefined
  /** Remembers such a user, so that the request is not asked about, and counted, again. */
  readonly admit: (request: IncomingMessage, user: string) => void
}

const get = (subresource: string): ResourceRule.ResourceRule =>
  ResourceRule.make({
    verb: "get",
    group: "apps",
    version: "v1",
    resource: "deployments",
    subresource,
    namespace: "d8-cloud-instance-manager",
    name: "registry-packages-proxy"
  })

/** What each path needs. */
export const rules: Readonly<Record<KnownRoute, ResourceRule.ResourceRule | "anonymous">> = {
  package: get("http"),
  metrics: get("prometheus-metrics"),
  healthz: "anonymous",
  readyz: "anonymous"
}

// RFC 6750, section 2.1; like Kubernetes, one space and any characters that a token may be written with.
const bearer = /^bearer ([\x21-\x7e]+)$/i

/** The bearer token of an `Authorization` header. */
export const tokenOf = (header: string | undefined): Option.Option<Redacted.Redacted> =>
  Option.map(Option.fromUndefinedOr(bearer.exec(header ?? "")?.[1]), (token) => Redacted.make(token))

const unauthorized = ({ presented }: NotAuthenticated): Problem => ({
  status: 401,
  detail: presented
    ? "The token or client certificate is not valid: unknown, expired, or for another audience. Get a new one."
    : "Say who you are: send `Authorization: Bearer TOKEN` with a Kubernetes token, or use a client certificate.",
  headers: { "www-authenticate": "Bearer" }
})

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
 * looked at; `certificateOf` tells of the one that the request's connection proved.
 */
export const make = (
  certificateOf: (request: IncomingMessage) => Option.Option<ClientCertificate>
): Effect.Effect<Gate, never, Authenticator | Authorizer> =>
  Effect.gen(function* () {
    const authenticator = yield* Authenticator
    const authorizer = yield* Authorizer
    const admitted = new WeakMap<IncomingMessage, string>()

    const presentedBy = (request: IncomingMessage): Presented => ({
      certificate: certificateOf(request),
      token: tokenOf(request.headers.authorization)
    })

    return {
      known: (request, route) => {
        const rule = rules[route]
        if (rule === "anonymous") return undefined
        const user = authenticator.known(presentedBy(request))
        return Option.isSome(user) && authorizer.known(user.value, rule) ? user.value.name : undefined
      },
      admit: (request, user) => void admitted.set(request, user),
      ask: (request, route, exchange) => {
        const rule = rules[route]
        exchange.user = admitted.get(request)
        if (rule === "anonymous" || exchange.user !== undefined) return Effect.succeed(undefined)
        return authenticator.authenticate(presentedBy(request)).pipe(
          Effect.flatMap((user) => {
            exchange.user = user.name
            return authorizer.authorize(user, rule)
          }),
          Effect.match({
            onSuccess: () => undefined,
            onFailure: (error) => {
              switch (error._tag) {
                case "NotAuthenticated":
                  return unauthorized(error)
                case "Denied":
                  return forbidden(error, rule)
                case "Undecided":
                  return unavailable(error)
              }
            }
          })
        )
      }
    }
  })
