import { Clock, Effect, Option } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Repository } from "../../Repository.ts"
import type { Upstream } from "../../Upstream.ts"
import * as AuthChallenge from "./AuthChallenge.ts"
import { fromStatus, type PullFailure } from "../wire/PullFailure.ts"
import * as Redirects from "../wire/Redirects.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import { discard, sendOnce } from "../wire/SendOnce.ts"
import { userAgentHeader } from "../wire/UserAgent.ts"

/**
 * Makes a function that returns the challenge of a registry. The function requests `/v2/` without credentials. It
 * returns none if the response has no challenge, or redirects to another origin. Source: distribution-spec,
 * "Determining Support".
 */
export const make = (upstream: Upstream["Service"]) =>
  Effect.fnUntraced(function* (
    { source }: Repository,
    scope: string
  ): Effect.fn.Return<Option.Option<AuthChallenge.AuthChallenge>, PullFailure, never> {
    const base = RegistryAddress.baseUrl(source)
    const chain = new Redirects.RedirectChain()
    let url = base
    while (url.origin === base.origin) {
      const result = yield* Effect.scoped(
        Effect.gen(function* () {
          const request = HttpClientRequest.get(url.href).pipe(
            HttpClientRequest.setHeaders({
              accept: "application/json",
              "accept-encoding": "identity",
              ...userAgentHeader
            })
          )
          const received = yield* sendOnce({
            upstream,
            operation: "ping",
            target: RegistryAddress.targetOf(url, source.ca),
            request,
            otherServer: undefined
          })
          yield* discard(received)
          return received.response
        })
      )
      if (!Redirects.statuses.has(result.status)) {
        const failure = fromStatus(result.status, result.headers, yield* Clock.currentTimeMillis, undefined)
        return failure.isRetryable
          ? yield* failure
          : Option.fromUndefinedOr(AuthChallenge.choose(result, url, scope).challenge)
      }
      url = yield* chain.follow(url, result.headers["location"])
    }
    return Option.none()
  })
