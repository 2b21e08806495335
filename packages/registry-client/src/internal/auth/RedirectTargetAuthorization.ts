import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { anonymous } from "@registry-packages-proxy/domain/Credential"
import { Effect, Option } from "effect"
import type { HttpClientResponse } from "effect/http"
import { LoginElsewhere, type OtherServer } from "../../RegistryError.ts"
import * as AuthChallenge from "./AuthChallenge.ts"
import { permanent, type PullFailure } from "../wire/PullFailure.ts"
import type { Tokens, UsedToken } from "./Tokens.ts"

/** A token for a server that the registry redirects to. The token is requested without credentials. */
export interface AnonymousToken {
  readonly origin: string
  readonly token: UsedToken
  /** True if `token` replaces a cached token that the server refused. */
  readonly isRenewed: boolean
}

/** The statuses with which registries refuse a token that has become invalid. */
const invalidTokenStatuses: ReadonlySet<number> = new Set([400, 401, 403])

/**
 * Makes the function that gets a token for a server that the registry redirects to. The function requests the token
 * without credentials. It returns none if the server's last response requires no token, or if the server has already
 * refused a new token. It fails with `LoginElsewhere` if the token service refuses to issue a token.
 */
export const make = (tokens: Tokens) =>
  Effect.fnUntraced(function* (
    url: HttpUrl,
    ca: string | undefined,
    previous: AnonymousToken | undefined,
    response: HttpClientResponse.HttpClientResponse,
    redirectTarget: OtherServer
  ): Effect.fn.Return<Option.Option<AnonymousToken>, PullFailure> {
    const { status } = response
    const used = previous?.origin === url.origin ? previous : undefined
    if (used !== undefined) {
      if (!used.token.isCached || used.isRenewed || !invalidTokenStatuses.has(status)) return Option.none()
      yield* tokens.invalidate(used.token)
    }
    const { challenge } = AuthChallenge.choose(response, url, "")
    if (challenge?._tag !== "Bearer") return Option.none()
    const token = yield* tokens.get(url, challenge, anonymous, ca, redirectTarget).pipe(
      Effect.catchIf(
        (failure) => failure.reason._tag === "TokenRefused",
        () => Effect.fail(permanent(new LoginElsewhere({ status, otherServer: redirectTarget })))
      )
    )
    return Option.some({ origin: url.origin, token, isRenewed: used !== undefined })
  })
