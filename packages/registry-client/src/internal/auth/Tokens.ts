import type { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import type { Credential } from "@registry-packages-proxy/domain/Credential"
import { Cache, Duration, Effect, Exit, Option, Redacted } from "effect"
import type { OtherServer } from "../../RegistryError.ts"
import type { Upstream } from "../../Upstream.ts"
import * as Demand from "./Demand.ts"
import { credentialParts, Identified } from "./Identity.ts"
import * as Limits from "../wire/Limits.ts"
import { invalid, type PullFailure } from "../wire/PullFailure.ts"
import * as TokenService from "./TokenService.ts"

/** A token to ask for. */
class TokenRequest extends Identified {
  readonly question: TokenService.TokenQuestion
  readonly credential: Credential

  constructor(question: TokenService.TokenQuestion, credential: Credential, registry: HttpUrl) {
    const { ca, realm, scope, service } = question
    super(registry.origin, ca ?? "", realm.href, service ?? "", scope, ...credentialParts(credential))
    this.question = question
    this.credential = credential
  }
}

/** A token that a request carries. */
export interface UsedToken {
  readonly request: TokenRequest
  readonly value: TokenService.Token
  /** It was got for an earlier request: a refusal may only mean that it is no longer good. */
  readonly isRemembered: boolean
}

/** The value of an Authorization header. */
export const bearer = (token: Redacted.Redacted): Redacted.Redacted =>
  Redacted.make(`Bearer ${Redacted.value(token)}`)

/** Tokens, kept until shortly before they expire; one that many ask for at once is asked for once. */
export const make = Effect.fnUntraced(function* (upstream: Upstream["Service"]) {
  const askOnce = TokenService.ask(upstream)
  const tokens = yield* Cache.makeWith(
    (request: TokenRequest) => askOnce(request.question, request.credential),
    {
      capacity: Limits.maxRemembered,
      timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.timeToLive : Duration.zero)
    }
  )

  /** The token that a demand from `registry` asks for; `server` is that one where we were redirected to it. */
  const get = Effect.fnUntraced(function* (
    registry: HttpUrl,
    demand: Demand.BearerDemand,
    credential: Credential,
    ca: string | undefined,
    server?: OtherServer
  ): Effect.fn.Return<UsedToken, PullFailure> {
    const realm = Demand.realmUrl(demand.realm, registry)
    if (realm === undefined) {
      return yield* invalid(
        "it names a token service (realm) that is no address, or one on plain HTTP, to which no credentials are sent",
        server
      )
    }
    const request = new TokenRequest({ ...demand, realm, ca }, credential, registry)
    const isRemembered = Option.isSome(yield* Cache.getSuccess(tokens, request))
    return { request, value: yield* Cache.get(tokens, request), isRemembered }
  })

  /** Forgets a token that was refused. */
  const discard = ({ request, value }: UsedToken): Effect.Effect<void> =>
    Cache.invalidateWhen(tokens, request, (token) => token === value)

  return { get, discard } as const
})

export interface Tokens extends Effect.Success<ReturnType<typeof make>> {}
