import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import type { Credential } from "@registry-packages-proxy/domain/Credential"
import { Cache, Duration, Effect, Exit, Option, Redacted } from "effect"
import type { OtherServer } from "../../RegistryError.ts"
import type { Upstream } from "../../Upstream.ts"
import * as AuthChallenge from "./AuthChallenge.ts"
import { credentialParts, HashedKey } from "./HashedKey.ts"
import * as Limits from "../wire/Limits.ts"
import { invalidResponse, type PullFailure } from "../wire/PullFailure.ts"
import * as TokenService from "./TokenService.ts"

/** The cache key of a token request. The key includes the origin of the server that sent the challenge. */
class TokenKey extends HashedKey {
  readonly request: TokenService.TokenRequest
  readonly credential: Credential

  constructor(request: TokenService.TokenRequest, credential: Credential, challenger: HttpUrl) {
    const { ca, realm, scope, service } = request
    super(challenger.origin, ca ?? "", realm.href, service ?? "", scope, ...credentialParts(credential))
    this.request = request
    this.credential = credential
  }
}

/** A token that a request uses. */
export interface UsedToken {
  readonly key: TokenKey
  readonly value: TokenService.Token
  /** True if the token was requested for an earlier request. It may have expired or been revoked since then. */
  readonly isCached: boolean
}

/** Returns `Bearer <token>`, the value of an Authorization field. */
export const bearer = (token: Redacted.Redacted): Redacted.Redacted =>
  Redacted.make(`Bearer ${Redacted.value(token)}`)

/**
 * Makes a cache of tokens. A token stays in the cache until shortly before it expires. Concurrent requests for the same
 * token are coalesced.
 */
export const make = Effect.fnUntraced(function* (upstream: Upstream["Service"]) {
  const requestToken = TokenService.make(upstream)
  const tokens = yield* Cache.makeWith((key: TokenKey) => requestToken(key.request, key.credential), {
    capacity: Limits.maxCacheEntries,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.timeToLive : Duration.zero)
  })

  /**
   * Returns a token for a challenge that the server at the URL `challenger` sent. `otherServer` describes this server
   * in errors. `otherServer` is undefined if this server is the registry itself.
   */
  const get = Effect.fnUntraced(function* (
    challenger: HttpUrl,
    challenge: AuthChallenge.BearerChallenge,
    credential: Credential,
    ca: string | undefined,
    otherServer?: OtherServer
  ): Effect.fn.Return<UsedToken, PullFailure> {
    const realm = AuthChallenge.realmUrl(challenge.realm, challenger)
    if (realm === undefined) {
      return yield* invalidResponse(
        "it names a token service (realm) that is not a URL, or is on plain HTTP, where no credentials are sent",
        otherServer
      )
    }
    const key = new TokenKey({ ...challenge, realm, ca }, credential, challenger)
    const isCached = Option.isSome(yield* Cache.getSuccess(tokens, key))
    return { key, value: yield* Cache.get(tokens, key), isCached }
  })

  /** Removes a refused token from the cache, unless the cache already has another token for this key. */
  const invalidate = ({ key, value }: UsedToken): Effect.Effect<void> =>
    Cache.invalidateWhen(tokens, key, (token) => token === value)

  return { get, invalidate } as const
})

export interface Tokens extends Effect.Success<ReturnType<typeof make>> {}
