import * as RegistryAnswer from "./RegistryAnswer.ts"
import type { RegistryRequest } from "./RegistryRequest.ts"

/** A user the registry knows. */
export interface Account {
  readonly username: string
  readonly password: string
}

/** The way in which the registry tells who may pull. */
export type RegistryAuth =
  | { readonly _tag: "None" }
  | ({ readonly _tag: "Basic"; readonly refuseWith?: 401 | 403 } & Account & Concealment)
  | (BearerAuth & Account & Concealment)

/** The answers of a registry to requests without credentials, other than its challenge. */
export interface Concealment {
  /** Requests without credentials are answered so, without a challenge. */
  readonly hideWith?: 401 | 403 | 404
  /** The answer of `/v2/` then: its challenge unless told. */
  readonly ping?: "challenge" | "bare 401" | 200 | 404
  /** The challenge as it is sent, from what it should be. */
  readonly writeChallenge?: (challenge: string) => string
}

/** The token flow. Source: distribution, "Token Authentication Specification". */
export interface BearerAuth {
  readonly _tag: "Bearer"
  /** The answer to tokens that are not good, or no longer: 401 with a challenge unless told. */
  readonly refuseTokensWith?: 400 | 401 | 403
  /** So many uses of good tokens are refused with 401 first. */
  readonly refuseFirst?: number
  /** The answer to a POST to the token endpoint. */
  readonly refusePostWith?: number
  /** The token endpoint redirects each request once: to itself, or to the other listener's. */
  readonly redirectTokens?: { readonly status: number; readonly to: "itself" | "other" }
  /** Seconds a token lives; not said in the answer (and 60, as the specification has it) unless given. */
  readonly expiresIn?: number
  /** Tokens are given without credentials too. */
  readonly anonymous?: boolean
  /** The token's name in the answer. */
  readonly field?: "token" | "access_token" | "both"
  /** The answer of the token endpoint to wrong credentials. */
  readonly refuseWith?: 401 | 403
  /** The listener whose `/token` the challenge names. */
  readonly realm?: "registry" | "store"
  /** A realm to name in place of the own one. */
  readonly realmUrl?: string
  /** OAuth2 refresh token accepted by POST. */
  readonly identityToken?: string
  /** A token that is always good (`registrytoken` in a docker config). */
  readonly registryToken?: string
}

interface Token {
  readonly scopes: ReadonlyArray<string>
  readonly expiresAt: number
}

/** The service name in challenges. */
export const service = "testkit-registry"

const basicHeader = ({ password, username }: Account): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`

/** The answer to a request without credentials; undefined where it may pass, "challenge" where nothing is hidden. */
const conceal = (
  auth: Exclude<RegistryAuth, { readonly _tag: "None" }>,
  { authorization, path }: RegistryRequest
): RegistryAnswer.RegistryAnswer | undefined | "challenge" => {
  if (auth.hideWith === undefined || authorization !== undefined) return "challenge"
  if (path !== "/v2/" && path !== "/v2") return RegistryAnswer.error(auth.hideWith)
  const { ping = "challenge" } = auth
  if (ping === "challenge") return "challenge"
  return ping === 200 ? undefined : RegistryAnswer.error(ping === 404 ? 404 : 401)
}

/** Checks requests and gives out tokens; one registry's state. */
export class RegistryAuthority {
  auth: RegistryAuth
  readonly #tokens = new Map<string, Token>()
  #issued = 0
  #refused = 0

  constructor(auth: RegistryAuth) {
    this.auth = auth
  }

  /** Makes every token given out so far worthless. */
  revoke(): void {
    this.#tokens.clear()
  }

  /** The answer that refuses this request to `scope`; undefined where it may pass. `origins` by listener. */
  refuse(
    request: RegistryRequest,
    scope: string | undefined,
    origins: { readonly registry: string; readonly store: string }
  ): RegistryAnswer.RegistryAnswer | undefined {
    const { auth } = this
    if (auth._tag === "None") return undefined
    const concealed = conceal(auth, request)
    if (concealed !== "challenge") return concealed
    const { writeChallenge = (challenge) => challenge } = auth
    if (auth._tag === "Basic") {
      if (request.authorization === basicHeader(auth)) return undefined
      const status = request.authorization === undefined ? 401 : (auth.refuseWith ?? 401)
      const headers = status === 401 ? { "www-authenticate": writeChallenge(`Basic realm="${service}"`) } : {}
      return RegistryAnswer.error(status, undefined, headers)
    }
    const refusal = this.#refusal(auth, request, scope)
    if (refusal === undefined) return undefined
    if (refusal !== "" && auth.refuseTokensWith !== undefined && auth.refuseTokensWith !== 401)
      return RegistryAnswer.error(auth.refuseTokensWith)
    const realm = auth.realmUrl ?? `${origins[auth.realm ?? "registry"]}/token`
    const parameters = [`realm="${realm}"`, `service="${service}"`]
    if (scope !== undefined) parameters.push(`scope="${scope}"`)
    if (refusal !== "") parameters.push(`error="${refusal}"`)
    return RegistryAnswer.error(401, undefined, {
      "www-authenticate": writeChallenge(`Bearer ${parameters.join(",")}`)
    })
  }

  #refusal(auth: BearerAuth, request: RegistryRequest, scope: string | undefined): string | undefined {
    if (request.authorization === undefined) return ""
    const value = /^Bearer (.+)$/i.exec(request.authorization)?.[1]
    if (value === undefined) return "invalid_token"
    if (value === auth.registryToken) return undefined
    const token = this.#tokens.get(value)
    if (token === undefined || token.expiresAt <= request.now) return "invalid_token"
    if (this.#refused < (auth.refuseFirst ?? 0)) {
      this.#refused++
      return "invalid_token"
    }
    return scope === undefined || token.scopes.includes(scope) ? undefined : "insufficient_scope"
  }

  /** Answers `GET /token` (credentials in the Authorization header) and `POST /token` (OAuth2). */
  issue(
    request: RegistryRequest,
    origins: { readonly registry: string; readonly store: string }
  ): RegistryAnswer.RegistryAnswer {
    const { auth } = this
    if (auth._tag !== "Bearer") return RegistryAnswer.error(404)
    if (auth.redirectTokens !== undefined && !request.query.has("redirected")) {
      const { status, to } = auth.redirectTokens
      const other = request.listener === "registry" ? "store" : "registry"
      const asked = request.method === "POST" ? new URLSearchParams(request.body) : request.query
      const query = new URLSearchParams({ service: asked.get("service") ?? "", redirected: "1" })
      for (const scope of asked.getAll("scope")) query.append("scope", scope)
      const location = `${origins[to === "itself" ? request.listener : other]}/token?${query.toString()}`
      return RegistryAnswer.make(status, { location })
    }
    if (request.method === "POST" && auth.refusePostWith !== undefined)
      return RegistryAnswer.error(auth.refusePostWith)
    const form = request.method === "POST" ? new URLSearchParams(request.body) : request.query
    if (form.get("service") !== service) return RegistryAnswer.error(400, "UNSUPPORTED")
    const known =
      request.method === "POST"
        ? this.#knowsGrant(auth, form)
        : request.authorization === undefined
          ? auth.anonymous === true
          : request.authorization === basicHeader(auth)
    if (!known) return RegistryAnswer.error(auth.refuseWith ?? 401)

    const lifetime = auth.expiresIn ?? 60
    const value = `token-${++this.#issued}-${crypto.randomUUID()}`
    const scopes = form.getAll("scope").flatMap((scopes) => scopes.split(" "))
    this.#tokens.set(value, { scopes, expiresAt: request.now + lifetime * 1000 })
    const field = auth.field ?? "token"
    return RegistryAnswer.json(
      200,
      {
        ...(field === "access_token" ? {} : { token: value }),
        ...(field === "token" ? {} : { access_token: value }),
        ...(auth.expiresIn === undefined ? {} : { expires_in: auth.expiresIn })
      },
      { "cache-control": "no-store" }
    )
  }

  #knowsGrant(auth: BearerAuth & Account, form: URLSearchParams): boolean {
    const grant = form.get("grant_type")
    if (grant === "refresh_token") {
      return auth.identityToken !== undefined && form.get("refresh_token") === auth.identityToken
    }
    return (
      grant === "password" && form.get("username") === auth.username && form.get("password") === auth.password
    )
  }
}
