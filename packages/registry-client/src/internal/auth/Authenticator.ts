import type { BasicCredential } from "@registry-packages-proxy/domain/Credential"
import { Cache, Effect, Option, Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { Repository } from "../../Repository.ts"
import { Refused } from "../../RegistryError.ts"
import type { Upstream } from "../../Upstream.ts"
import * as Demand from "./Demand.ts"
import { sourceId } from "./Identity.ts"
import * as Limits from "../wire/Limits.ts"
import * as Ping from "./Ping.ts"
import { final, type PullFailure, type Reason } from "../wire/PullFailure.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import * as Remembered from "../wire/Remembered.ts"
import { bearer, type Tokens, type UsedToken } from "./Tokens.ts"
import * as TokenService from "./TokenService.ts"

/** Turns taken for one question: each may be taken once, other demands {@link Limits.maxDemands} times. */
interface Tried {
  /** A refused remembered token was replaced. */
  readonly remembered: boolean
  /** A refused fresh token was replaced. */
  readonly fresh: boolean
  readonly demands: number
}

const nothingTried: Tried = { remembered: false, fresh: false, demands: 0 }

/** The Authorization of a request, and all that is needed to judge a refusal of it. */
export interface Authorization {
  readonly header: Option.Option<Redacted.Redacted>
  readonly demand: Option.Option<Demand.Demand>
  readonly token: Option.Option<UsedToken>
  /** The request was not asked for it: it is remembered only once it has proved right. */
  readonly isGuess: boolean
  readonly tried: Tried
}

/** The statuses by which registries refuse a token that was good before. */
const refusesRemembered: ReadonlySet<number> = new Set([400, 401, 403])

/** The statuses by which registries hide, from requests without credentials, what is private. */
const hides: ReadonlySet<number> = new Set([401, 403, 404])

const pullScope = (repository: Repository): string => `repository:${repository.name}:pull`

const isRefusal = ({ reason: { _tag } }: PullFailure): boolean =>
  _tag === "Refused" || _tag === "TokenRefused"

/** Gives requests to registries their `Authorization`, and learns from their refusals. */
export const make = Effect.fnUntraced(function* (upstream: Upstream["Service"], tokens: Tokens) {
  const demands = yield* Remembered.make<Demand.Demand>()
  const coolDowns = yield* Remembered.make<Reason>(Limits.coolDown)
  const ping = Ping.ask(upstream)

  const registryKey = (repository: Repository): string => sourceId(repository.source)
  const repositoryKey = (repository: Repository): string => `${registryKey(repository)} ${repository.name}`

  const remember = (repository: Repository, demand: Demand.Demand) =>
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
    return Option.map(shared, (demand): Demand.Demand =>
      demand._tag === "Basic" ? demand : { ...demand, scope: pullScope(repository) }
    )
  })

  const coolDown = (repository: Repository, reason: Reason) =>
    Cache.set(coolDowns, registryKey(repository), reason)

  /** Fails while the credentials, which are about to be sent, cool down. */
  const cooled = Effect.fnUntraced(function* (
    repository: Repository,
    demand: Option.Option<Demand.Demand>
  ): Effect.fn.Return<void, PullFailure> {
    const { credential } = repository.source
    if (credential._tag === "Anonymous") return
    if (credential._tag !== "RegistryToken" && Option.isNone(demand)) return
    const reason = yield* Cache.getSuccess(coolDowns, registryKey(repository))
    if (Option.isSome(reason)) return yield* final(reason.value)
  })

  const meet = Effect.fnUntraced(function* (
    { source }: Repository,
    demand: Option.Option<Demand.Demand>
  ): Effect.fn.Return<Pick<Authorization, "header" | "token">, PullFailure> {
    const { ca, credential } = source
    if (credential._tag === "RegistryToken") {
      return { header: Option.some(bearer(credential.token)), token: Option.none() }
    }
    if (Option.isNone(demand)) return { header: Option.none(), token: Option.none() }
    if (demand.value._tag === "Basic") {
      const login = TokenService.loginOf(credential)
      return { header: Option.map(Option.fromUndefinedOr(login), basic), token: Option.none() }
    }
    const token = yield* tokens.get(RegistryAddress.baseUrl(source), demand.value, credential, ca)
    return { header: Option.some(bearer(token.value.value)), token: Option.some(token) }
  })

  const attempt = (
    repository: Repository,
    demand: Option.Option<Demand.Demand>,
    tried: Tried,
    isGuess: boolean
  ): Effect.Effect<Authorization, PullFailure> =>
    meet(repository, demand).pipe(
      Effect.tapError(({ reason }) =>
        reason._tag === "TokenRefused" && reason.status === 401 && reason.login !== "withheld"
          ? coolDown(repository, reason)
          : Effect.void
      ),
      Effect.map((met) => ({ ...met, demand, isGuess, tried }))
    )

  /** The first Authorization of a question: once the registry is known, a pull costs no 401. */
  const authorize = Effect.fnUntraced(function* (
    repository: Repository
  ): Effect.fn.Return<Authorization, PullFailure> {
    const demand = yield* remembered(repository)
    yield* cooled(repository, demand)
    // What cannot be met may be demanded no more, or have moved: the registry is asked anew what it wants.
    return yield* attempt(repository, demand, nothingTried, false).pipe(
      Effect.tapError(() => forget(repository)),
      Effect.catchIf(
        (failure) => !failure.retryable && !isRefusal(failure),
        () => attempt(repository, Option.none(), nothingTried, false)
      )
    )
  })

  /** The Authorization that meets `demand`; none where the credential cannot meet it. */
  const instead = Effect.fnUntraced(function* (
    repository: Repository,
    demand: Option.Option<Demand.Demand>,
    tried: Tried,
    isGuess: boolean
  ): Effect.fn.Return<Option.Option<Authorization>, PullFailure> {
    yield* cooled(repository, demand)
    const authorization = yield* attempt(repository, demand, tried, isGuess)
    return Option.isSome(authorization.header) ? Option.some(authorization) : Option.none()
  })

  const afterAnonymous = Effect.fnUntraced(function* (
    repository: Repository,
    used: Authorization,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.fn.Return<Option.Option<Authorization>, PullFailure> {
    const { tried } = used
    const { credential } = repository.source
    const { demand } = Demand.of(response, RegistryAddress.baseUrl(repository.source), pullScope(repository))
    if (demand !== undefined) {
      yield* remember(repository, demand)
      return yield* instead(repository, Option.some(demand), tried, false)
    }
    if (!hides.has(response.status)) return Option.none()
    if (credential._tag === "Anonymous" && response.status !== 401) return Option.none()
    const asked = yield* ping(repository, pullScope(repository))
    const guess = Option.getOrElse(asked, (): Demand.Demand => ({ _tag: "Basic" }))
    return yield* instead(repository, Option.some(guess), tried, true)
  })

  const afterRefusal = Effect.fnUntraced(function* (
    repository: Repository,
    used: Authorization,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.fn.Return<Option.Option<Authorization>, PullFailure> {
    const { status } = response
    const { tried } = used
    if (!refusesRemembered.has(status)) return Option.none()
    const { demand, insufficientScope } = Demand.of(
      response,
      RegistryAddress.baseUrl(repository.source),
      pullScope(repository)
    )
    const again = Option.orElse(Option.fromUndefinedOr(demand), () => used.demand)
    const token = Option.getOrUndefined(used.token)
    if (token?.isRemembered === true && !tried.remembered) {
      yield* tokens.discard(token)
      if (demand !== undefined) yield* remember(repository, demand)
      return yield* instead(repository, again, { ...tried, remembered: true }, used.isGuess)
    }
    if (status !== 401) return Option.none()
    if (token !== undefined) yield* tokens.discard(token)
    const isOther =
      demand !== undefined && !Option.exists(used.demand, (before) => Demand.isSame(before, demand))
    if (
      isOther &&
      tried.demands < Limits.maxDemands &&
      repository.source.credential._tag !== "RegistryToken"
    ) {
      yield* remember(repository, demand)
      return yield* instead(repository, again, { ...tried, demands: tried.demands + 1 }, false)
    }
    // Credentials that are good but not for this repository are no reason to keep others from using them.
    if (insufficientScope) return Option.none()
    if (token !== undefined && !tried.fresh) {
      return yield* instead(repository, again, { ...tried, fresh: true }, used.isGuess)
    }
    yield* coolDown(repository, new Refused({ status }))
    return Option.none()
  })

  /** The next Authorization after the registry itself refused `used`; none where there is no better one. */
  const afterwards = (
    repository: Repository,
    used: Authorization,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<Option.Option<Authorization>, PullFailure> =>
    Option.isSome(used.header)
      ? afterRefusal(repository, used, response)
      : afterAnonymous(repository, used, response)

  /** Remembers a guess that has proved right. */
  const confirm = (repository: Repository, { demand, isGuess }: Authorization): Effect.Effect<void> =>
    isGuess && Option.isSome(demand) ? remember(repository, demand.value) : Effect.void

  return { authorize, afterwards, confirm } as const
})

export interface Authenticator extends Effect.Success<ReturnType<typeof make>> {}

const basic = ({ password, username }: BasicCredential): Redacted.Redacted =>
  Redacted.make(`Basic ${Buffer.from(`${username}:${Redacted.value(password)}`).toString("base64")}`)
