import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import type { BasicCredential, Credential } from "@registry-packages-proxy/domain/Credential"
import { Clock, Duration, Effect, Option, Predicate, Redacted, Result, Schema, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import { type OtherServer, TokenRefused } from "../../RegistryError.ts"
import type { Upstream } from "../../Upstream.ts"
import { readAll } from "../wire/Body.ts"
import * as ContentCoding from "../wire/ContentCoding.ts"
import * as Limits from "../wire/Limits.ts"
import { final, fromStatus, invalid, type PullFailure } from "../wire/PullFailure.ts"
import * as Redirects from "../wire/Redirects.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import { type Answer, discard, send } from "../wire/Send.ts"
import { userAgent } from "../wire/UserAgent.ts"

/** A bearer token and how long it may be reused. */
export interface Token {
  readonly value: Redacted.Redacted
  readonly timeToLive: Duration.Duration
}

/** A question to a token service. */
export interface TokenQuestion {
  /** The address of the token service, whose origin alone gets the credential. */
  readonly realm: HttpUrl
  readonly service: string | undefined
  /** Scopes with spaces between them; may be empty. */
  readonly scope: string
  /** PEM certificates to trust beside the system's. */
  readonly ca: string | undefined
}

// Source: distribution, "Token Authentication Specification" and "Oauth2 Token Authentication".
const TokenAnswer = Schema.Struct({
  token: Schema.optionalKey(Schema.Unknown),
  access_token: Schema.optionalKey(Schema.Unknown),
  expires_in: Schema.optionalKey(Schema.Unknown)
})
const decodeAnswer = Schema.decodeUnknownOption(Schema.fromJsonString(TokenAnswer))

const clientId = "registry-packages-proxy"

// A token is not used in its last moments, since it must still be valid when the registry reads it.
const usableSeconds = (expiresIn: unknown): number => {
  const seconds = Predicate.isString(expiresIn) ? Number.parseInt(expiresIn, 10) : expiresIn
  const said = Predicate.isNumber(seconds) && !Number.isNaN(seconds) ? seconds : Limits.defaultTokenLife
  const life = Math.min(Math.max(said, 0), Limits.maxTokenLife)
  return life - Math.min(10, life / 5)
}

const isToken = (value: unknown): value is string => Predicate.isString(value) && /^[\x21-\x7e]+$/.test(value)

const parseAnswer = (bytes: Uint8Array): Option.Option<Token> =>
  Option.flatMap(decodeAnswer(new TextDecoder().decode(bytes)), ({ access_token, expires_in, token }) => {
    const value = [token, access_token].find(isToken)
    return value === undefined
      ? Option.none()
      : Option.some({
          value: Redacted.make(value, { label: "registry token" }),
          timeToLive: Duration.seconds(usableSeconds(expires_in))
        })
  })

/** The name and password of a credential, if it has them. */
export const loginOf = (credential: Credential): BasicCredential | undefined =>
  credential._tag === "Basic"
    ? credential
    : credential._tag === "IdentityToken"
      ? credential.login
      : undefined

/** The statuses to a POST that say "not in this way": the same is then asked by GET, with name and password. */
const refusesPost = (status: number): boolean =>
  (status >= 400 && status < 500 && status !== 408 && status !== 429) || status === 501

const withQuery = ({ realm, scope, service }: TokenQuestion): HttpUrl => {
  const parameters = new URLSearchParams()
  if (service !== undefined) parameters.append("service", service)
  for (const each of scope.split(" ")) if (each !== "") parameters.append("scope", each)
  return realm.withQuery(parameters)
}

const postOf = (url: HttpUrl, { scope, service }: TokenQuestion, token: Redacted.Redacted) =>
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

const serverOf = (url: HttpUrl, realm: HttpUrl): OtherServer => ({
  role: url.origin === realm.origin ? "token" : "token redirect",
  host: url.host
})

/** Keeps the method of a request that is sent elsewhere. Source: RFC 9110, section 15.4. */
const keepsMethod: ReadonlySet<number> = new Set([307, 308])

interface Followed {
  readonly answer: Answer
  readonly server: OtherServer
  /** The request that got the answer carried the credential. */
  readonly isCarried: boolean
}

/**
 * Asks a token service and follows its redirects; gives the first answer that is none. The credential stays on the
 * realm's own origin: once it is left, it is not sent again. From HTTPS no redirect to plain HTTP is followed.
 */
const follow = (upstream: Upstream["Service"]) =>
  Effect.fnUntraced(function* (
    question: TokenQuestion,
    credential: Credential
  ): Effect.fn.Return<Followed, PullFailure, Scope.Scope> {
    const trail = new Redirects.Trail()
    const login = credential._tag === "Basic" ? credential : undefined
    let posted = credential._tag === "IdentityToken" ? credential.token : undefined
    let url = posted === undefined ? withQuery(question) : question.realm
    let isAtHome = true
    for (;;) {
      const request =
        posted === undefined ? getOf(url, isAtHome ? login : undefined) : postOf(url, question, posted)
      const server = serverOf(url, question.realm)
      const answer = yield* send(
        upstream,
        "token",
        RegistryAddress.targetOf(url, question.ca),
        request.pipe(
          HttpClientRequest.setHeaders({
            accept: "application/json",
            "accept-encoding": "identity",
            ...userAgent
          })
        ),
        server
      )
      const { response } = answer
      if (!Redirects.statuses.has(response.status))
        return { answer, server, isCarried: posted !== undefined || (isAtHome && login !== undefined) }
      yield* discard(answer)
      const next: HttpUrl = yield* trail.follow(url, response.headers["location"])
      if (RegistryAddress.isDowngrade(url, next)) {
        return yield* Redirects.bad(`the token service ${url.host} redirects to plain HTTP on ${next.host}`)
      }
      isAtHome &&= next.origin === question.realm.origin
      if (!isAtHome || !keepsMethod.has(response.status)) posted = undefined
      url = next
    }
  })

const loginWords = { Basic: "password", IdentityToken: "identity token" } as const

const refusal = ({ answer, isCarried, server }: Followed, { _tag }: Credential, now: number): PullFailure => {
  const { headers, status } = answer.response
  const isRefused = status === 401 || status === 403 || (_tag === "IdentityToken" && refusesPost(status))
  if (!isRefused) return fromStatus(status, headers, now, server)
  const login =
    _tag !== "Basic" && _tag !== "IdentityToken" ? "none" : isCarried ? loginWords[_tag] : "withheld"
  return final(new TokenRefused({ status, by: server, login }))
}

const read = Effect.fnUntraced(function* (answer: Answer): Effect.fn.Return<Token, PullFailure> {
  const bytes = yield* readAll(answer, Limits.maxTokenAnswer, "the token service's answer")
  // The bytes decide whether they are encoded, not the label.
  const token = Option.orElse(parseAnswer(bytes), () =>
    Option.flatMap(
      Result.getSuccess(
        ContentCoding.decode(bytes, answer.response.headers["content-encoding"], Limits.maxTokenAnswer)
      ),
      parseAnswer
    )
  )
  return Option.isSome(token)
    ? token.value
    : yield* invalid("the token service's answer holds no token", answer.server)
})

/** Asks a token service for one token: once, or twice where it does not take an identity token. */
export const ask = (upstream: Upstream["Service"]) => {
  const asked = follow(upstream)
  return Effect.fn("registry.token")(
    function* (
      question: TokenQuestion,
      credential: Credential
    ): Effect.fn.Return<Token, PullFailure, Scope.Scope> {
      const first = yield* asked(question, credential)
      const login = credential._tag === "IdentityToken" ? credential.login : undefined
      const isOver = login === undefined || !refusesPost(first.answer.response.status)
      if (!isOver) yield* discard(first.answer)
      const last = isOver ? first : yield* asked(question, login)
      const { status } = last.answer.response
      return status >= 200 && status < 300
        ? yield* read(last.answer)
        : yield* refusal(last, isOver ? credential : login, yield* Clock.currentTimeMillis)
    },
    (self) => Effect.scoped(self)
  )
}
