import type { BasicCredential } from "@registry-packages-proxy/domain/Credential"
import { Cache, Effect, Option, Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { Repository } from "../../Repository.ts"
import { Refused } from "../../RegistryError.ts"
import type { Upstream } from "../../Upstream.ts"
import * as AuthChallenge from "./AuthChallenge.ts"
import { sourceKey } from "./HashedKey.ts"
import * as Limits from "../wire/Limits.ts"
import * as Ping from "./Ping.ts"
import { permanent, type PullFailure, type Reason } from "../wire/PullFailure.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"
import * as BoundedCache from "../wire/BoundedCache.ts"
import { bearer, type Tokens, type UsedToken } from "./Tokens.ts"
import * as TokenService from "./TokenService.ts"

/** The previous retries of one request. */
interface Retried {
  /** True if this request has replaced a cached token that the registry refused. A request does this at most once. */
  readonly cachedToken: boolean
  /**
   * True if this request has replaced a newly issued token that the registry refused. A request does this at most once.
   */
  readonly freshToken: boolean
  /**
   * The number of retries of this request because the registry's challenge changed, at most {@link
   * Limits.maxChallengeChanges}. Retries that replace a cached token do not count.
   */
  readonly challengeChanges: number
}

const notRetried: Retried = { cachedToken: false, freshToken: false, challengeChanges: 0 }

/** The Authorization field of a request, and the data that `reauthorize` needs if the registry refuses the request. */
export interface Authorization {
  readonly header: Option.Option<Redacted.Redacted>
  readonly challenge: Option.Option<AuthChallenge.AuthChallenge>
  readonly token: Option.Option<UsedToken>
  /**
   * True if the registry's response had no challenge, so that `challenge` is a guess. A guess is cached only after a
   * request with it has succeeded.
   */
  readonly isGuess: boolean
  readonly retried: Retried
}

/** The statuses with which registries refuse a token that has become invalid. */
const invalidTokenStatuses: ReadonlySet<number> = new Set([400, 401, 403])

/** The statuses with which registries respond if a request for a private repository has no credentials. */
const hidingStatuses: ReadonlySet<number> = new Set([401, 403, 404])

const pullScope = (repository: Repository): string => `repository:${repository.name}:pull`

const isRefusal = ({ reason: { _tag } }: PullFailure): boolean =>
  _tag === "Refused" || _tag === "TokenRefused"

/**
 * Makes the functions that choose the Authorization field of requests to registries. The functions cache challenges,
 * and cache refusals of credentials.
 */
export const make = Effect.fnUntraced(function* (upstream: Upstream["Service"], tokens: Tokens) {
  const learnedChallenges = yield* BoundedCache.make<AuthChallenge.AuthChallenge>()
  const coolDowns = yield* BoundedCache.make<Reason>(Limits.coolDownTime)
  const ping = Ping.make(upstream)

  const registryKey = (repository: Repository): string => sourceKey(repository.source)
  const repositoryKey = (repository: Repository): string => `${registryKey(repository)} ${repository.name}`

  const learn = (repository: Repository, challenge: AuthChallenge.AuthChallenge) =>
    Effect.andThen(
      Cache.set(learnedChallenges, repositoryKey(repository), challenge),
      Cache.set(learnedChallenges, registryKey(repository), challenge)
    )

  const forget = (repository: Repository) =>
    Effect.andThen(
      Cache.invalidate(learnedChallenges, repositoryKey(repository)),
      Cache.invalidate(learnedChallenges, registryKey(repository))
    )

  // A new repository gets the cached challenge of another repository on the same registry, but with a scope for its own
  // name.
  const learnedChallenge = Effect.fnUntraced(function* (repository: Repository) {
    const own = yield* Cache.getSuccess(learnedChallenges, repositoryKey(repository))
    if (Option.isSome(own)) return own
    const shared = yield* Cache.getSuccess(learnedChallenges, registryKey(repository))
    return Option.map(shared, (challenge): AuthChallenge.AuthChallenge =>
      challenge._tag === "Basic" ? challenge : { ...challenge, scope: pullScope(repository) }
    )
  })

  const coolDown = (repository: Repository, reason: Reason) =>
    Cache.set(coolDowns, registryKey(repository), reason)

  /**
   * Fails with the earlier refusal if the request would send credentials that the registry or its token service refused
   * less than {@link Limits.coolDownTime} ago.
   */
  const failIfCoolingDown = Effect.fnUntraced(function* (
    repository: Repository,
    challenge: Option.Option<AuthChallenge.AuthChallenge>
  ): Effect.fn.Return<void, PullFailure> {
    const { credential } = repository.source
    if (credential._tag === "Anonymous") return
    if (credential._tag !== "RegistryToken" && Option.isNone(challenge)) return
    const reason = yield* Cache.getSuccess(coolDowns, registryKey(repository))
    if (Option.isSome(reason)) return yield* permanent(reason.value)
  })

  const authorizationFor = Effect.fnUntraced(function* (
    { source }: Repository,
    challenge: Option.Option<AuthChallenge.AuthChallenge>
  ): Effect.fn.Return<Pick<Authorization, "header" | "token">, PullFailure> {
    const { ca, credential } = source
    if (credential._tag === "RegistryToken") {
      return { header: Option.some(bearer(credential.token)), token: Option.none() }
    }
    if (Option.isNone(challenge)) return { header: Option.none(), token: Option.none() }
    if (challenge.value._tag === "Basic") {
      const login = TokenService.loginOf(credential)
      return { header: Option.map(Option.fromUndefinedOr(login), basic), token: Option.none() }
    }
    const token = yield* tokens.get(RegistryAddress.baseUrl(source), challenge.value, credential, ca)
    return { header: Option.some(bearer(token.value.value)), token: Option.some(token) }
  })

  const attempt = (
    repository: Repository,
    challenge: Option.Option<AuthChallenge.AuthChallenge>,
    retried: Retried,
    isGuess: boolean
  ): Effect.Effect<Authorization, PullFailure> =>
    authorizationFor(repository, challenge).pipe(
      Effect.tapError(({ reason }) =>
        reason._tag === "TokenRefused" && reason.status === 401 && reason.login !== "withheld"
          ? coolDown(repository, reason)
          : Effect.void
      ),
      Effect.map((made) => ({ ...made, challenge, isGuess, retried }))
    )

  /** Returns the Authorization for the first attempt of a request. A cached challenge avoids a 401. */
  const authorize = Effect.fnUntraced(function* (
    repository: Repository
  ): Effect.fn.Return<Authorization, PullFailure> {
    const challenge = yield* learnedChallenge(repository)
    yield* failIfCoolingDown(repository, challenge)
    // A cached challenge may be stale. If the credential cannot meet the challenge, the request is sent without
    // credentials to get a new challenge.
    return yield* attempt(repository, challenge, notRetried, false).pipe(
      Effect.tapError(() => forget(repository)),
      Effect.catchIf(
        (failure) => !failure.isRetryable && !isRefusal(failure),
        () => attempt(repository, Option.none(), notRetried, false)
      )
    )
  })

  /** Returns the Authorization for the next attempt of a request. None if the credential cannot meet `challenge`. */
  const retryFor = Effect.fnUntraced(function* (
    repository: Repository,
    challenge: Option.Option<AuthChallenge.AuthChallenge>,
    retried: Retried,
    isGuess: boolean
  ): Effect.fn.Return<Option.Option<Authorization>, PullFailure> {
    yield* failIfCoolingDown(repository, challenge)
    const authorization = yield* attempt(repository, challenge, retried, isGuess)
    return Option.isSome(authorization.header) ? Option.some(authorization) : Option.none()
  })

  const afterAnonymous = Effect.fnUntraced(function* (
    repository: Repository,
    used: Authorization,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.fn.Return<Option.Option<Authorization>, PullFailure> {
    const { retried } = used
    const { credential } = repository.source
    const { challenge } = AuthChallenge.choose(
      response,
      RegistryAddress.baseUrl(repository.source),
      pullScope(repository)
    )
    if (challenge !== undefined) {
      yield* learn(repository, challenge)
      return yield* retryFor(repository, Option.some(challenge), retried, false)
    }
    if (!hidingStatuses.has(response.status)) return Option.none()
    if (credential._tag === "Anonymous" && response.status !== 401) return Option.none()
    const named = yield* ping(repository, pullScope(repository))
    const guess = Option.getOrElse(named, (): AuthChallenge.AuthChallenge => ({ _tag: "Basic" }))
    return yield* retryFor(repository, Option.some(guess), retried, true)
  })

  const afterRefusal = Effect.fnUntraced(function* (
    repository: Repository,
    used: Authorization,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.fn.Return<Option.Option<Authorization>, PullFailure> {
    const { status } = response
    const { retried } = used
    if (!invalidTokenStatuses.has(status)) return Option.none()
    const { challenge, insufficientScope } = AuthChallenge.choose(
      response,
      RegistryAddress.baseUrl(repository.source),
      pullScope(repository)
    )
    const again = Option.orElse(Option.fromUndefinedOr(challenge), () => used.challenge)
    const token = Option.getOrUndefined(used.token)
    if (token?.isCached === true && !retried.cachedToken) {
      yield* tokens.invalidate(token)
      if (challenge !== undefined) yield* learn(repository, challenge)
      return yield* retryFor(repository, again, { ...retried, cachedToken: true }, used.isGuess)
    }
    if (status !== 401) return Option.none()
    if (token !== undefined) yield* tokens.invalidate(token)
    const isChanged =
      challenge !== undefined &&
      !Option.exists(used.challenge, (before) => AuthChallenge.isEqual(before, challenge))
    if (
      isChanged &&
      retried.challengeChanges < Limits.maxChallengeChanges &&
      repository.source.credential._tag !== "RegistryToken"
    ) {
      yield* learn(repository, challenge)
      return yield* retryFor(
        repository,
        again,
        {
          ...retried,
          challengeChanges: retried.challengeChanges + 1
        },
        false
      )
    }
    // The credentials are valid for other repositories, so they may be sent again at once.
    if (insufficientScope) return Option.none()
    if (token !== undefined && !retried.freshToken) {
      return yield* retryFor(repository, again, { ...retried, freshToken: true }, used.isGuess)
    }
    yield* coolDown(repository, new Refused({ status }))
    return Option.none()
  })

  /** Returns the next Authorization after the registry refused `used`. None if no other Authorization is possible. */
  const reauthorize = (
    repository: Repository,
    used: Authorization,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<Option.Option<Authorization>, PullFailure> =>
    Option.isSome(used.header)
      ? afterRefusal(repository, used, response)
      : afterAnonymous(repository, used, response)

  /** Caches the challenge if it is a guess. Must be called after a request with this Authorization has succeeded. */
  const confirm = (repository: Repository, { challenge, isGuess }: Authorization): Effect.Effect<void> =>
    isGuess && Option.isSome(challenge) ? learn(repository, challenge.value) : Effect.void

  return { authorize, reauthorize, confirm } as const
})

export interface RegistryAuthorization extends Effect.Success<ReturnType<typeof make>> {}

const basic = ({ password, username }: BasicCredential): Redacted.Redacted =>
  Redacted.make(`Basic ${Buffer.from(`${username}:${Redacted.value(password)}`).toString("base64")}`)
