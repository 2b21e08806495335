import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import type { BasicCredential, Credential } from "@registry-packages-proxy/domain/Credential"
import { Clock, Duration, Effect, Option, Predicate, Redacted, Result, Schema, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import { type OtherServer, TokenRefused } from "../../RegistryError.ts"
import type { Upstream } from "../../Upstream.ts"
import { readAll } from "../wire/Body.ts"
import * as ContentCoding from "../wire/ContentCoding.ts"
import * as Limits from "../wire/Limits.ts"
import { permanent, fromStatus, invalidResponse, type PullFailure } from "../wire/PullFailure.ts"
import * as Redirects from "../wire/Redirects.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import { type UpstreamResponse, discard, sendOnce } from "../wire/SendOnce.ts"
import { userAgentHeader } from "../wire/UserAgent.ts"

/** A bearer token, and the time for which it may be reused. */
export interface Token {
  readonly value: Redacted.Redacted
  readonly timeToLive: Duration.Duration
}

/** A request to a token service. */
export interface TokenRequest {
  /** The URL of the token service. The credential is sent only to the origin of this URL. */
  readonly realm: HttpUrl
  readonly service: string | undefined
  /** Scopes, separated by spaces. May be empty. */
  readonly scope: string
  /** PEM certificates to trust in addition to the system's. */
  readonly ca: string | undefined
}

// Source: distribution, "Token Authentication Specification" and "Oauth2 Token Authentication".
const TokenResponse = Schema.Struct({
  token: Schema.optionalKey(Schema.Unknown),
  access_token: Schema.optionalKey(Schema.Unknown),
  expires_in: Schema.optionalKey(Schema.Unknown)
})
const decodeResponse = Schema.decodeUnknownOption(Schema.fromJsonString(TokenResponse))

const clientId = "registry-packages-proxy"

// The reuse of a token ends shortly before the token expires, so that the token is valid when the registry checks it.
const timeToLive = (expiresIn: unknown): Duration.Duration => {
  const seconds = Predicate.isString(expiresIn) ? Number.parseInt(expiresIn, 10) : expiresIn
  const given = Predicate.isNumber(seconds) && !Number.isNaN(seconds)
  const life = given ? Duration.seconds(Math.max(seconds, 0)) : Limits.defaultTokenLife
  const lifeSeconds = Duration.toSeconds(Duration.min(life, Limits.maxTokenLife))
  return Duration.seconds(lifeSeconds - Math.min(10, lifeSeconds / 5))
}

const isToken = (value: unknown): value is string => Predicate.isString(value) && /^[\x21-\x7e]+$/.test(value)

const parseResponse = (bytes: Uint8Array): Option.Option<Token> =>
  Option.flatMap(decodeResponse(new TextDecoder().decode(bytes)), ({ access_token, expires_in, token }) => {
    const value = [token, access_token].find(isToken)
    return value === undefined
      ? Option.none()
      : Option.some({
          value: Redacted.make(value, { label: "registry token" }),
          timeToLive: timeToLive(expires_in)
        })
  })

/** Returns the username and password of a credential. Undefined if the credential has none. */
export const loginOf = (credential: Credential): BasicCredential | undefined =>
  credential._tag === "Basic"
    ? credential
    : credential._tag === "IdentityToken"
      ? credential.login
      : undefined

/**
 * True if this status may mean that the token service supports no POST. A GET with username and password may then
 * succeed.
 */
const refusesPost = (status: number): boolean =>
  (status >= 400 && status < 500 && status !== 408 && status !== 429) || status === 501

const withQuery = ({ realm, scope, service }: TokenRequest): HttpUrl => {
  const parameters = new URLSearchParams()
  if (service !== undefined) parameters.append("service", service)
  for (const each of scope.split(" ")) if (each !== "") parameters.append("scope", each)
  return realm.withQuery(parameters)
}

const postOf = (url: HttpUrl, { scope, service }: TokenRequest, token: Redacted.Redacted) =>
  HttpClientRequest.post(url.href).pipe(
    HttpClientRequest.bodyUrlParams({
      grant_type: "refresh_token",
      refresh_token: Redacted.value(token),
      client_id: clientId,
      scope,
      ...(service === undefined ? {} : { service })
    })
  )

const getOf = (url: HttpUrl, login: BasicCredential | undefined) => {
  const get = HttpClientRequest.get(url.href)
  return login === undefined ? get : HttpClientRequest.basicAuth(get, login.username, login.password)
}

const otherServerOf = (url: HttpUrl, realm: HttpUrl): OtherServer => ({
  role: url.origin === realm.origin ? "token" : "token redirect",
  host: url.host
})

/** The redirect statuses that keep the method of the request. Source: RFC 9110, section 15.4. */
const methodKeepingStatuses: ReadonlySet<number> = new Set([307, 308])

interface FinalResponse {
  readonly received: UpstreamResponse
  readonly otherServer: OtherServer
  /** True if the request whose response is `received` contained the credential. */
  readonly hadCredential: boolean
}

/**
 * Makes the function that sends a token request and follows redirects. The function sends the credential only to the
 * origin of the realm. After a redirect to another origin, the function does not send the credential again. The
 * function fails with `BadRedirect` for a redirect from HTTPS to plain HTTP.
 */
const sendAndFollow = (upstream: Upstream["Service"]) =>
  Effect.fnUntraced(function* (
    request: TokenRequest,
    credential: Credential
  ): Effect.fn.Return<FinalResponse, PullFailure, Scope.Scope> {
    const chain = new Redirects.RedirectChain()
    const login = credential._tag === "Basic" ? credential : undefined
    let refreshToken = credential._tag === "IdentityToken" ? credential.token : undefined
    let url = refreshToken === undefined ? withQuery(request) : request.realm
    let isOnRealmOrigin = true
    for (;;) {
      const httpRequest =
        refreshToken === undefined
          ? getOf(url, isOnRealmOrigin ? login : undefined)
          : postOf(url, request, refreshToken)
      const otherServer = otherServerOf(url, request.realm)
      const received = yield* sendOnce({
        upstream,
        operation: "token",
        target: RegistryAddress.targetOf(url, request.ca),
        request: httpRequest.pipe(
          HttpClientRequest.setHeaders({
            accept: "application/json",
            "accept-encoding": "identity",
            ...userAgentHeader
          })
        ),
        otherServer
      })
      const { response } = received
      if (!Redirects.statuses.has(response.status))
        return {
          received,
          otherServer,
          hadCredential: refreshToken !== undefined || (isOnRealmOrigin && login !== undefined)
        }
      yield* discard(received)
      const next: HttpUrl = yield* chain.follow(url, response.headers["location"])
      if (RegistryAddress.isDowngrade(url, next)) {
        return yield* Redirects.badRedirect(
          `the token service ${url.host} redirects to plain HTTP on ${next.host}`
        )
      }
      isOnRealmOrigin &&= next.origin === request.realm.origin
      if (!isOnRealmOrigin || !methodKeepingStatuses.has(response.status)) refreshToken = undefined
      url = next
    }
  })

const loginWords = { Basic: "password", IdentityToken: "identity token" } as const

const refusal = (
  { received, hadCredential, otherServer }: FinalResponse,
  { _tag }: Credential,
  now: number
): PullFailure => {
  const { headers, status } = received.response
  const isRefused = status === 401 || status === 403 || (_tag === "IdentityToken" && refusesPost(status))
  if (!isRefused) return fromStatus(status, headers, now, otherServer)
  const login =
    _tag !== "Basic" && _tag !== "IdentityToken" ? "none" : hadCredential ? loginWords[_tag] : "withheld"
  return permanent(new TokenRefused({ status, otherServer, login }))
}

const read = Effect.fnUntraced(function* (received: UpstreamResponse): Effect.fn.Return<Token, PullFailure> {
  const bytes = yield* readAll(received, Limits.maxTokenResponse, "the token service's response")
  // Content-Encoding may be wrong, so the bytes are first parsed as received.
  const token = Option.orElse(parseResponse(bytes), () =>
    Option.flatMap(
      Result.getSuccess(
        ContentCoding.decode(bytes, received.response.headers["content-encoding"], Limits.maxTokenResponse)
      ),
      parseResponse
    )
  )
  return Option.isSome(token)
    ? token.value
    : yield* invalidResponse("the token service's response holds no token", received.otherServer)
})

/**
 * Makes the function that requests a token. If the credential is an identity token, the function sends it by POST. If
 * the token service refuses the POST, and the credential also has a username and a password, the function sends the
 * username and the password by GET.
 */
export const make = (upstream: Upstream["Service"]) => {
  const send = sendAndFollow(upstream)
  return Effect.fn("registry.token")(
    function* (
      request: TokenRequest,
      credential: Credential
    ): Effect.fn.Return<Token, PullFailure, Scope.Scope> {
      const first = yield* send(request, credential)
      const login = credential._tag === "IdentityToken" ? credential.login : undefined
      const isFinal = login === undefined || !refusesPost(first.received.response.status)
      if (!isFinal) yield* discard(first.received)
      const last = isFinal ? first : yield* send(request, login)
      const { status } = last.received.response
      return status >= 200 && status < 300
        ? yield* read(last.received)
        : yield* refusal(last, isFinal ? credential : login, yield* Clock.currentTimeMillis)
    },
    (self) => Effect.scoped(self)
  )
}
