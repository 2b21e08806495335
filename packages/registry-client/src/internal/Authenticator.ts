import type { Credential } from "@registry-packages-proxy/oci/Credential"
import { Cache, Duration, Effect, Equal, Exit, Hash, Option, Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import { createHash } from "node:crypto"
import * as Challenge from "../Challenge.ts"
import type { Repository } from "../Repository.ts"
import { Refused } from "../RegistryError.ts"
import type { Upstream } from "../Upstream.ts"
import * as Limits from "./Limits.ts"
import { final, type PullFailure } from "./PullFailure.ts"
import * as RegistryAddress from "./RegistryAddress.ts"
import * as Remembered from "./Remembered.ts"
import * as TokenService from "./TokenService.ts"

/** How a registry wants to be asked. */
type Demand =
  | { readonly _tag: "Basic" }
  | {
      readonly _tag: "Bearer"
      readonly realm: string
      readonly service: string | undefined
      readonly scope: string
    }

/** What a request to a registry carries, and what is needed to judge a refusal of it. */
export interface Authorization {
  readonly header: Option.Option<Redacted.Redacted>
  readonly demand: Option.Option<Demand>
  /** Where the header came from: a 401 to a remembered token only means that it is no longer good. */
  readonly token: Option.Option<{
    readonly request: TokenRequest
    readonly value: TokenService.Token
    readonly fresh: boolean
  }>
}

const hashed = (...parts: ReadonlyArray<string>): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url")

const credentialParts = (credential: Credential): ReadonlyArray<string> => {
  switch (credential._tag) {
    case "Anonymous":
      return [credential._tag]
    case "Basic":
      return [credential._tag, credential.username, Redacted.value(credential.password)]
    case "IdentityToken":
    case "RegistryToken":
      return [credential._tag, Redacted.value(credential.token)]
  }
}

/** A token to ask for; equal to another by a hash, so that no map is keyed by a secret. */
class TokenRequest implements Equal.Equal {
  readonly id: string
  readonly question: TokenService.TokenQuestion
  readonly credential: Credential

  constructor(question: TokenService.TokenQuestion, credential: Credential) {
    const { realm, scope, service, source } = question
    this.question = question
    this.credential = credential
    this.id = hashed(
      RegistryAddress.baseUrl(source).href,
      source.ca ?? "",
      realm,
      service ?? "",
      scope,
      ...credentialParts(credential)
    )
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof TokenRequest && that.id === this.id
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }
}

const pullScope = (repository: Repository): string => `repository:${repository.name}:pull`

/** The demand to meet among those a registry makes, and whether it says that the credentials are good for less. */
const demandOf = (
  repository: Repository,
  response: HttpClientResponse.HttpClientResponse
): { readonly demand: Option.Option<Demand>; readonly insufficientScope: boolean } => {
  const challenges = Challenge.parse(response.headers["www-authenticate"] ?? "")
  const bearer = challenges.find(
    (challenge) => challenge.scheme === "bearer" && challenge.parameters.has("realm")
  )
  if (bearer !== undefined) {
    const demand: Demand = {
      _tag: "Bearer",
      realm: bearer.parameters.get("realm") ?? "",
      service: bearer.parameters.get("service"),
      scope: bearer.parameters.get("scope") || pullScope(repository)
    }
    return {
      demand: Option.some(demand),
      insufficientScope: bearer.parameters.get("error") === "insufficient_scope"
    }
  }
  const basic = challenges.some((challenge) => challenge.scheme === "basic")
  return { demand: basic ? Option.some({ _tag: "Basic" }) : Option.none(), insufficientScope: false }
}

const sameDemand = (self: Demand, that: Demand): boolean =>
  self._tag === "Basic" || that._tag === "Basic"
    ? self._tag === that._tag
    : self.realm === that.realm && self.service === that.service && self.scope === that.scope

const refused = final(new Refused({ status: 401 }))

/** Gives requests to registries their `Authorization`, and learns from their refusals. */
export const make = Effect.fnUntraced(function* (upstream: Upstream["Service"]) {
  const demands = yield* Remembered.make<Demand>()
  const coolDowns = yield* Remembered.make<true>(Limits.coolDown)
  const askOnce = TokenService.ask(upstream)
  const tokens = yield* Cache.makeWith(
    (request: TokenRequest) => askOnce(request.question, request.credential),
    {
      capacity: Limits.maxRemembered,
      timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.timeToLive : Duration.zero)
    }
  )

  const registryKey = (repository: Repository): string => RegistryAddress.baseUrl(repository.source).href
  const repositoryKey = (repository: Repository): string => `${registryKey(repository)}${repository.name}`
  const coolDownKey = (repository: Repository): string =>
    hashed(registryKey(repository), ...credentialParts(repository.source.credential))

  const remember = (repository: Repository, demand: Demand) =>
    Effect.andThen(
      Cache.set(demands, repositoryKey(repository), demand),
      Cache.set(demands, registryKey(repository), demand)
    )

  const forget = (repository: Repository) =>
    Effect.andThen(
      Cache.invalidate(demands, repositoryKey(repository)),
      Cache.invalidate(demands, registryKey(repository))
    )

  // A repository not asked for yet is taken to want what its registry's other ones do, for its own scope.
  const remembered = Effect.fnUntraced(function* (repository: Repository) {
    const own = yield* Cache.getSuccess(demands, repositoryKey(repository))
    if (Option.isSome(own)) return own
    const shared = yield* Cache.getSuccess(demands, registryKey(repository))
    return Option.map(shared, (demand): Demand =>
      demand._tag === "Basic" ? demand : { ...demand, scope: pullScope(repository) }
    )
  })

  const coolDown = (repository: Repository) => Cache.set(coolDowns, coolDownKey(repository), true)

  const meet = Effect.fnUntraced(function* (
    repository: Repository,
    demand: Option.Option<Demand>
  ): Effect.fn.Return<Authorization, PullFailure> {
    const { credential } = repository.source
    if (credential._tag === "RegistryToken") {
      return { header: Option.some(bearer(credential.token)), demand, token: Option.none() }
    }
    if (Option.isNone(demand)) return { header: Option.none(), demand, token: Option.none() }
    if (demand.value._tag === "Basic") {
      return {
        header:
          credential._tag === "Basic"
            ? Option.some(basic(credential.username, credential.password))
            : Option.none(),
        demand,
        token: Option.none()
      }
    }
    const { realm, scope, service } = demand.value
    const request = new TokenRequest({ source: repository.source, realm, service, scope }, credential)
    const fresh = Option.isNone(yield* Cache.getSuccess(tokens, request))
    const value = yield* Cache.get(tokens, request).pipe(
      Effect.tapError((failure) =>
        failure.reason._tag === "Refused" && failure.reason.status === 401
          ? coolDown(repository)
          : Effect.void
      )
    )
    return { header: Option.some(bearer(value.value)), demand, token: Option.some({ request, value, fresh }) }
  })

  /** What to send first: with what is known of the registry, a pull costs no 401. */
  const authorize = Effect.fnUntraced(function* (
    repository: Repository
  ): Effect.fn.Return<Authorization, PullFailure> {
    if (yield* Cache.has(coolDowns, coolDownKey(repository))) return yield* refused
    // What cannot be met may be demanded no more, or have moved: the registry is asked anew what it wants.
    return yield* meet(repository, yield* remembered(repository)).pipe(
      Effect.tapError(() => forget(repository)),
      Effect.catchIf(
        (failure) => !failure.retryable && failure.reason._tag !== "Refused",
        () => meet(repository, Option.none())
      )
    )
  })

  /** What to send after a 401 to `used`; fails where nothing better is known. */
  const afterRefusal = Effect.fnUntraced(function* (
    repository: Repository,
    used: Authorization,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.fn.Return<Authorization, PullFailure> {
    const { demand, insufficientScope } = demandOf(repository, response)
    if (Option.isSome(demand)) yield* remember(repository, demand.value)
    if (Option.isSome(used.token)) {
      const { request, value } = used.token.value
      yield* Cache.invalidateWhen(tokens, request, (token) => token === value)
    }
    const stale = Option.exists(used.token, ({ fresh }) => !fresh)
    const otherDemand =
      Option.isSome(demand) && !Option.exists(used.demand, (before) => sameDemand(before, demand.value))
    if (
      Option.isSome(used.header) &&
      !stale &&
      (!otherDemand || repository.source.credential._tag === "RegistryToken")
    ) {
      // Credentials that are good but not for this repository are no reason to keep others from using them.
      if (!insufficientScope) yield* coolDown(repository)
      return yield* refused
    }
    const next = yield* meet(repository, demand)
    return Option.isNone(next.header) ? yield* refused : next
  })

  return { authorize, afterRefusal } as const
})

export interface Authenticator extends Effect.Success<ReturnType<typeof make>> {}

const bearer = (token: Redacted.Redacted): Redacted.Redacted =>
  Redacted.make(`Bearer ${Redacted.value(token)}`)

const basic = (username: string, password: Redacted.Redacted): Redacted.Redacted =>
  Redacted.make(`Basic ${Buffer.from(`${username}:${Redacted.value(password)}`).toString("base64")}`)
