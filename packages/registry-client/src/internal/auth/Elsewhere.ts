import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { anonymous } from "@registry-packages-proxy/domain/Credential"
import { Effect, Option } from "effect"
import type { HttpClientResponse } from "effect/http"
import { LoginElsewhere, type OtherServer } from "../../RegistryError.ts"
import * as Demand from "./Demand.ts"
import { final, type PullFailure } from "../wire/PullFailure.ts"
import type { Tokens, UsedToken } from "./Tokens.ts"

/** The token of a request to a server that the registry redirects to. */
export interface Anonymous {
  readonly origin: string
  readonly token: UsedToken
  /** It replaces a remembered one that was refused. */
  readonly isRenewed: boolean
}

/** The statuses by which registries refuse a token that was good before. */
const refusesRemembered: ReadonlySet<number> = new Set([400, 401, 403])

/**
 * Meets the challenge of a server that the registry redirects to, which may be a registry itself: with a token that is
 * given without credentials, since ours are for nobody else. None where it asks for nothing that can be met so.
 */
export const make = (tokens: Tokens) =>
  Effect.fnUntraced(function* (
    url: HttpUrl,
    ca: string | undefined,
    before: Anonymous | undefined,
    response: HttpClientResponse.HttpClientResponse,
    by: OtherServer
  ): Effect.fn.Return<Option.Option<Anonymous>, PullFailure> {
    const { status } = response
    const used = before?.origin === url.origin ? before : undefined
    if (used !== undefined) {
      if (!used.token.isRemembered || used.isRenewed || !refusesRemembered.has(status)) return Option.none()
      yield* tokens.discard(used.token)
    }
    const { demand } = Demand.of(response, url, "")
    if (demand?._tag !== "Bearer") return Option.none()
    const token = yield* tokens.get(url, demand, anonymous, ca, by).pipe(
      Effect.catchIf(
        (failure) => failure.reason._tag === "TokenRefused",
        () => Effect.fail(final(new LoginElsewhere({ status, by })))
      )
    )
    return Option.some({ origin: url.origin, token, isRenewed: used !== undefined })
  })
