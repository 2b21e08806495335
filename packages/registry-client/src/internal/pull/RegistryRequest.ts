import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Cache, Clock, Effect, Option, Redacted, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import * as WwwAuthenticate from "../auth/WwwAuthenticate.ts"
import type { Repository } from "../../Repository.ts"
import {
  AddressRefused,
  AnonymousRefused,
  LoginElsewhere,
  ManifestNotFound,
  type OtherServer,
  Refused
} from "../../RegistryError.ts"
import type { Upstream } from "../../Upstream.ts"
import type { Authorization, RegistryAuthorization } from "../auth/RegistryAuthorization.ts"
import * as RedirectTargetAuthorization from "../auth/RedirectTargetAuthorization.ts"
import * as Limits from "../wire/Limits.ts"
import { permanent, fromStatus, invalidResponse, notFound, type PullFailure } from "../wire/PullFailure.ts"
import * as Redirects from "../wire/Redirects.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import * as BoundedCache from "../wire/BoundedCache.ts"
import { type UpstreamResponse, discard, sendOnce } from "../wire/SendOnce.ts"
import { bearer, type Tokens } from "../auth/Tokens.ts"
import { userAgentHeader } from "../wire/UserAgent.ts"

/** A request to a registry for a manifest or a blob. */
export interface RegistryRequest {
  readonly operation: "manifest" | "blob"
  readonly method?: "GET" | "HEAD"
  /** The path below the repository: `manifests/<digest>` or `blobs/<digest>`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const httpRequestFor = (
  url: HttpUrl,
  request: RegistryRequest,
  authorization: Option.Option<Redacted.Redacted>
): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.make(request.method ?? "GET")(url.href).pipe(
    HttpClientRequest.setHeaders({
      ...request.headers,
      "accept-encoding": "identity",
      ...userAgentHeader,
      ...(Option.isSome(authorization) ? { authorization: Redacted.value(authorization.value) } : {})
    })
  )

/**
 * Describes the server of `url`, a redirect target. If `url` and `base` have the same host, the `host` of the result
 * also contains the scheme of `url`.
 */
const redirectTargetOf = (url: HttpUrl, base: HttpUrl): OtherServer => ({
  role: "redirect",
  host: url.host === base.host ? url.origin : url.host
})

/** Makes the failure for an error response that the registry sent. `now` is in milliseconds since the epoch. */
const registryFailure = (
  request: RegistryRequest,
  { source }: Repository,
  { header }: Authorization,
  received: UpstreamResponse,
  now: number
): PullFailure => {
  const { headers, status } = received.response
  // An anonymous token is not a login.
  const isAnonymous = Option.isNone(header) || source.credential._tag === "Anonymous"
  if (status === 401 || status === 403) {
    return permanent(
      isAnonymous
        ? new AnonymousRefused({ status, hasOnlyIdentityToken: source.credential._tag === "IdentityToken" })
        : new Refused({ status })
    )
  }
  if (status !== 404) return fromStatus(status, headers, now, undefined)
  return request.operation === "manifest" && isAnonymous
    ? permanent(new ManifestNotFound({ isAnonymous: true }))
    : notFound(request.operation, undefined)
}

/** Makes the failure for an error response that a redirect target sent. `now` is in milliseconds since the epoch. */
const redirectTargetFailure = (
  request: RegistryRequest,
  hadToken: boolean,
  { response: { headers, status } }: UpstreamResponse,
  redirectTarget: OtherServer,
  now: number
): PullFailure => {
  if (status === 401 || status === 403) {
    const asksForLogin = hadToken || WwwAuthenticate.parse(headers["www-authenticate"] ?? "").length > 0
    return permanent(
      asksForLogin
        ? new LoginElsewhere({ status, otherServer: redirectTarget })
        : new AddressRefused({ status, otherServer: redirectTarget })
    )
  }
  return status === 404
    ? notFound(request.operation, redirectTarget)
    : fromStatus(status, headers, now, redirectTarget)
}

/**
 * Makes the function that sends a request to a registry, authenticates, and follows redirects. The function returns the
 * first response whose status is in `accepted`. It sends the credentials only to the registry's own origin, and to the
 * token service in the registry's challenge.
 */
export const make = Effect.fnUntraced(function* (
  upstream: Upstream["Service"],
  registryAuthorization: RegistryAuthorization,
  tokens: Tokens
) {
  const authorizeRedirectTarget = RedirectTargetAuthorization.make(tokens)
  const downgrades = yield* BoundedCache.make<true>()

  // Plain HTTP is safe here, because the digest is verified and no credentials are sent.
  const warnOfDowngrade = Effect.fnUntraced(function* (base: HttpUrl, to: HttpUrl) {
    const key = `${base.origin} ${to.origin}`
    if (!RegistryAddress.isDowngrade(base, to) || (yield* Cache.has(downgrades, key))) return
    yield* Cache.set(downgrades, key, true)
    yield* Effect.logWarning(
      "registry redirects from https to plain http; the redirect is followed without credentials",
      {
        registry: base.host,
        target: to.host
      }
    )
  })

  return Effect.fnUntraced(function* (
    repository: Repository,
    request: RegistryRequest,
    accepted: ReadonlySet<number>
  ): Effect.fn.Return<UpstreamResponse, PullFailure, Scope.Scope> {
    const { source } = repository
    const base = RegistryAddress.baseUrl(source)
    const chain = new Redirects.RedirectChain()
    let url = RegistryAddress.repositoryUrl(base, repository.name, request.path)
    let authorization: Authorization | undefined
    let anonymous: RedirectTargetAuthorization.AnonymousToken | undefined
    for (let count = 0; count < Limits.maxRequests; count++) {
      const isRegistry: boolean = url.origin === base.origin
      const own = isRegistry
        ? (authorization ??= yield* registryAuthorization.authorize(repository))
        : undefined
      const redirectTarget = redirectTargetOf(url, base)
      const other = anonymous?.origin === url.origin ? anonymous : undefined
      const header =
        own?.header ?? Option.map(Option.fromUndefinedOr(other), ({ token }) => bearer(token.value.value))
      const received = yield* sendOnce({
        upstream,
        operation: request.operation,
        target: RegistryAddress.targetOf(url, source.ca),
        request: httpRequestFor(url, request, header),
        otherServer: isRegistry ? undefined : redirectTarget
      })
      const { response } = received
      const isRedirect = Redirects.statuses.has(response.status)
      const isAccepted = accepted.has(response.status)
      if (own !== undefined && (isAccepted || isRedirect))
        yield* registryAuthorization.confirm(repository, own)
      if (isAccepted) return received
      yield* discard(received)
      if (isRedirect) {
        url = yield* chain.follow(url, response.headers["location"])
        yield* warnOfDowngrade(base, url)
      } else if (own !== undefined) {
        const next = yield* registryAuthorization.reauthorize(repository, own, response)
        if (Option.isNone(next)) {
          return yield* registryFailure(request, repository, own, received, yield* Clock.currentTimeMillis)
        }
        authorization = next.value
      } else {
        const next = yield* authorizeRedirectTarget(url, source.ca, other, response, redirectTarget)
        if (Option.isNone(next)) {
          const now = yield* Clock.currentTimeMillis
          return yield* redirectTargetFailure(request, other !== undefined, received, redirectTarget, now)
        }
        anonymous = next.value
      }
    }
    return yield* invalidResponse(
      `it takes more than ${Limits.maxRequests} requests, with redirects and logins, for one response`
    )
  })
})

export interface SendRequest extends Effect.Success<ReturnType<typeof make>> {}
