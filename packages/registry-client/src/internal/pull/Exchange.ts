import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Cache, Clock, Effect, Option, Redacted, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import * as Challenge from "../auth/Challenge.ts"
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
import type { Authenticator, Authorization } from "../auth/Authenticator.ts"
import * as Elsewhere from "../auth/Elsewhere.ts"
import * as Limits from "../wire/Limits.ts"
import { final, fromStatus, invalid, notFound, type PullFailure } from "../wire/PullFailure.ts"
import * as Redirects from "../wire/Redirects.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import * as Remembered from "../wire/Remembered.ts"
import { type Answer, discard, send } from "../wire/Send.ts"
import { bearer, type Tokens } from "../auth/Tokens.ts"
import { userAgent } from "../wire/UserAgent.ts"

/** A question to a registry. */
export interface Question {
  readonly operation: "manifest" | "blob"
  readonly method?: "GET" | "HEAD"
  /** Below the repository: `manifests/<digest>`, `blobs/<digest>`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const requestFor = (
  url: HttpUrl,
  question: Question,
  authorization: Option.Option<Redacted.Redacted>
): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.make(question.method ?? "GET")(url.href).pipe(
    HttpClientRequest.setHeaders({
      ...question.headers,
      "accept-encoding": "identity",
      ...userAgent,
      ...(Option.isSome(authorization) ? { authorization: Redacted.value(authorization.value) } : {})
    })
  )

/** Another origin on the registry's own host is told from it by its scheme. */
const serverOf = (url: HttpUrl, base: HttpUrl): OtherServer => ({
  role: "redirect",
  host: url.host === base.host ? url.origin : url.host
})

/** The failure that an answer of the registry itself means. */
const refusedHere = (
  question: Question,
  { source }: Repository,
  { header }: Authorization,
  answer: Answer,
  now: number
): PullFailure => {
  const { headers, status } = answer.response
  // A token may be given to anybody: it is no login either.
  const isAnonymous = Option.isNone(header) || source.credential._tag === "Anonymous"
  if (status === 401 || status === 403) {
    return final(
      isAnonymous
        ? new AnonymousRefused({ status, identityToken: source.credential._tag === "IdentityToken" })
        : new Refused({ status })
    )
  }
  if (status !== 404) return fromStatus(status, headers, now, undefined)
  return question.operation === "manifest" && isAnonymous
    ? final(new ManifestNotFound({ anonymous: true }))
    : notFound(question.operation, undefined)
}

/** The failure that an answer of a server it redirects to means. */
const refusedElsewhere = (
  question: Question,
  hadToken: boolean,
  { response: { headers, status } }: Answer,
  by: OtherServer,
  now: number
): PullFailure => {
  if (status === 401 || status === 403) {
    const asksForLogin = hadToken || Challenge.parse(headers["www-authenticate"] ?? "").length > 0
    return final(asksForLogin ? new LoginElsewhere({ status, by }) : new AddressRefused({ status, by }))
  }
  return status === 404 ? notFound(question.operation, by) : fromStatus(status, headers, now, by)
}

/**
 * Asks a registry: authenticates, follows redirects, and gives the first answer whose status is among `accepted`. The
 * registry's credentials go to its own origin only.
 */
export const make = Effect.fnUntraced(function* (
  upstream: Upstream["Service"],
  authenticator: Authenticator,
  tokens: Tokens
) {
  const meetElsewhere = Elsewhere.make(tokens)
  const downgrades = yield* Remembered.make<true>()

  // Anybody may read and change these bytes on their way: the digest decides, and no credentials go there.
  const noteDowngrade = Effect.fnUntraced(function* (base: HttpUrl, to: HttpUrl) {
    const key = `${base.origin} ${to.origin}`
    if (!RegistryAddress.isDowngrade(base, to) || (yield* Cache.has(downgrades, key))) return
    yield* Cache.set(downgrades, key, true)
    yield* Effect.logWarning("a registry on https redirects to plain http; followed without credentials", {
      registry: base.host,
      target: to.host
    })
  })

  return Effect.fnUntraced(function* (
    repository: Repository,
    question: Question,
    accepted: ReadonlySet<number>
  ): Effect.fn.Return<Answer, PullFailure, Scope.Scope> {
    const { source } = repository
    const base = RegistryAddress.baseUrl(source)
    const trail = new Redirects.Trail()
    let url = RegistryAddress.urlOf(base, repository.name, question.path)
    let authorization: Authorization | undefined
    let anonymous: Elsewhere.Anonymous | undefined
    for (let turn = 0; turn < Limits.maxTurns; turn++) {
      const isHere: boolean = url.origin === base.origin
      const own = isHere ? (authorization ??= yield* authenticator.authorize(repository)) : undefined
      const server = serverOf(url, base)
      const other = anonymous?.origin === url.origin ? anonymous : undefined
      const header =
        own?.header ?? Option.map(Option.fromUndefinedOr(other), ({ token }) => bearer(token.value.value))
      const answer = yield* send(
        upstream,
        question.operation,
        RegistryAddress.targetOf(url, source.ca),
        requestFor(url, question, header),
        isHere ? undefined : server
      )
      const { response } = answer
      const isRedirect = Redirects.statuses.has(response.status)
      const isAccepted = accepted.has(response.status)
      if (own !== undefined && (isAccepted || isRedirect)) yield* authenticator.confirm(repository, own)
      if (isAccepted) return answer
      yield* discard(answer)
      if (isRedirect) {
        url = yield* trail.follow(url, response.headers["location"])
        yield* noteDowngrade(base, url)
      } else if (own !== undefined) {
        const next = yield* authenticator.afterwards(repository, own, response)
        if (Option.isNone(next)) {
          return yield* refusedHere(question, repository, own, answer, yield* Clock.currentTimeMillis)
        }
        authorization = next.value
      } else {
        const next = yield* meetElsewhere(url, source.ca, other, response, server)
        if (Option.isNone(next)) {
          const now = yield* Clock.currentTimeMillis
          return yield* refusedElsewhere(question, other !== undefined, answer, server, now)
        }
        anonymous = next.value
      }
    }
    return yield* invalid(`it answers one question with more than ${Limits.maxTurns} of its own`)
  })
})

export interface Exchange extends Effect.Success<ReturnType<typeof make>> {}
