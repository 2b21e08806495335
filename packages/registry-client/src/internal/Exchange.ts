import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Clock, Effect, Option, Redacted, Result, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Repository } from "../Repository.ts"
import { BadRedirect } from "../RegistryError.ts"
import type { Upstream } from "../Upstream.ts"
import type { Authenticator, Authorization } from "./Authenticator.ts"
import * as Limits from "./Limits.ts"
import { final, fromStatus, type PullFailure } from "./PullFailure.ts"
import * as RegistryAddress from "./RegistryAddress.ts"
import { type Answer, discard, send } from "./Send.ts"
import { userAgent } from "./UserAgent.ts"

/** What is asked of a registry. */
export interface Question {
  readonly operation: "manifest" | "blob"
  /** Below the repository: `manifests/<digest>`, `blobs/<digest>`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** 401s answered with other credentials for one question: a stale token, then a demand that changed with it. */
const maxRefusals = 2

const bad = (detail: string): PullFailure => final(new BadRedirect({ detail }))

const nextUrl = (
  repository: Repository,
  from: HttpUrl,
  location: string | undefined
): Effect.Effect<HttpUrl, PullFailure> => {
  if (location === undefined) return Effect.fail(bad(`${from.host} redirects without saying where`))
  const next = HttpUrl.resolve(from, location)
  if (Result.isFailure(next)) {
    return Effect.fail(
      bad(
        next.failure.reason === "another scheme"
          ? `${from.host} redirects to an address that is neither https nor http`
          : `${from.host} redirects to what is not an address`
      )
    )
  }
  return RegistryAddress.isDowngrade(next.success, repository.source)
    ? Effect.fail(bad(`${from.host} redirects from HTTPS to plain HTTP on ${next.success.host}`))
    : Effect.succeed(next.success)
}

const requestFor = (
  url: HttpUrl,
  question: Question,
  authorization: Option.Option<Redacted.Redacted>
): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.get(url.href).pipe(
    HttpClientRequest.setHeaders({
      ...question.headers,
      "accept-encoding": "identity",
      ...userAgent,
      ...(Option.isSome(authorization) ? { authorization: Redacted.value(authorization.value) } : {})
    })
  )

/**
 * Asks a registry: authenticates, follows redirects, and gives the first answer whose status is among `accepted`. The
 * registry's credentials go to its own origin only.
 */
export const make = (upstream: Upstream["Service"], authenticator: Authenticator) =>
  Effect.fnUntraced(function* (
    repository: Repository,
    question: Question,
    accepted: ReadonlySet<number>
  ): Effect.fn.Return<Answer, PullFailure, Scope.Scope> {
    const base = RegistryAddress.baseUrl(repository.source)
    const seen = new Set<string>()
    let url = RegistryAddress.urlOf(base, repository.name, question.path)
    let refusals = 0
    let authorization: Authorization | undefined
    for (;;) {
      const ours = url.origin === base.origin
      if (ours) authorization ??= yield* authenticator.authorize(repository)
      const header = ours && authorization !== undefined ? authorization.header : Option.none()
      const answer = yield* send(
        upstream,
        question.operation,
        RegistryAddress.targetOf(url, repository.source),
        requestFor(url, question, header)
      )
      const { response } = answer
      if (accepted.has(response.status)) return answer
      yield* discard(answer)
      if (redirects.has(response.status)) {
        seen.add(url.href)
        url = yield* nextUrl(repository, url, response.headers["location"])
        if (seen.has(url.href)) return yield* bad("the registry's redirects go in a circle")
        if (seen.size > Limits.maxRedirects) {
          return yield* bad(`the registry redirects more than ${Limits.maxRedirects} times`)
        }
      } else if (response.status === 401 && ours && authorization !== undefined && refusals < maxRefusals) {
        refusals++
        authorization = yield* authenticator.afterRefusal(repository, authorization, response)
      } else {
        return yield* fromStatus(
          question.operation,
          response.status,
          response.headers,
          yield* Clock.currentTimeMillis
        )
      }
    }
  })

export interface Exchange extends ReturnType<typeof make> {}
