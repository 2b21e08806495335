import { Clock, Effect, Option } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Repository } from "../../Repository.ts"
import type { Upstream } from "../../Upstream.ts"
import * as Demand from "./Demand.ts"
import { fromStatus, type PullFailure } from "../wire/PullFailure.ts"
import * as Redirects from "../wire/Redirects.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import { discard, send } from "../wire/Send.ts"
import { userAgent } from "../wire/UserAgent.ts"

/**
 * Asks `/v2/` without credentials how the registry wants to be asked; none where it does not say. A redirect to another
 * origin says nothing.
 *
 * Source: distribution-spec, "Determining Support".
 */
export const ask = (upstream: Upstream["Service"]) =>
  Effect.fnUntraced(function* (
    { source }: Repository,
    scope: string
  ): Effect.fn.Return<Option.Option<Demand.Demand>, PullFailure, never> {
    const base = RegistryAddress.baseUrl(source)
    const trail = new Redirects.Trail()
    let url = base
    while (url.origin === base.origin) {
      const result = yield* Effect.scoped(
        Effect.gen(function* () {
          const request = HttpClientRequest.get(url.href).pipe(
            HttpClientRequest.setHeaders({
              accept: "application/json",
              "accept-encoding": "identity",
              ...userAgent
            })
          )
          const answer = yield* send(
            upstream,
            "ping",
            RegistryAddress.targetOf(url, source.ca),
            request,
            undefined
          )
          yield* discard(answer)
          return answer.response
        })
      )
      if (!Redirects.statuses.has(result.status)) {
        const failure = fromStatus(result.status, result.headers, yield* Clock.currentTimeMillis, undefined)
        return failure.retryable
          ? yield* failure
          : Option.fromUndefinedOr(Demand.of(result, url, scope).demand)
      }
      url = yield* trail.follow(url, result.headers["location"])
    }
    return Option.none()
  })
