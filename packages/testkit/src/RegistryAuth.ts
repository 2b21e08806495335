import * as RegistryAnswer from "./RegistryAnswer.ts"
import type { RegistryRequest } from "./RegistryRequest.ts"

/** A user the registry knows. */
export interface Account {
  readonly username: string
  readonly password: string
}

/** How the registry tells who may pull. */
export type RegistryAuth =
  | { readonly _tag: "None" }
  | ({ readonly _tag: "Basic"; readonly refuseWith?: 401 | 403 } & Account)
  | (BearerAuth & Account)

/** The token flow. Source: distribution, "Token Authentication Specification". */
export interface BearerAuth {
  readonly _tag: "Bearer"
  /** Seconds a token lives; not said in the answer (and 60, as the specification has it) unless given. */
  readonly expiresIn?: number
  /** Tokens are given without credentials too. */
  readonly anonymous?: boolean
  /** The token's name in the answer. */
  readonly field?: "token" | "access_token" | "both"
  /** What wrong credentials get from the token endpoint. */
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

/** Checks requests and gives out tokens; one registry's state. */
export class RegistryAuthority {
  auth: RegistryAuth
  readonly #tokens = new Map<string, Token>()
  #issued = 0

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
    if (auth._tag === "Basic") {
      if (request.authorization === basicHeader(auth)) return undefined
      const status = request.authorization === undefined ? 401 : (auth.refuseWith ?? 401)
      const headers = status === 401 ? { "www-authenticate": `Basic realm="${service}"` } : {}
      return RegistryAnswer.error(status, undefined, headers)
    }
    const refusal = this.#refusal(auth, request, scope)
    if (refusal === undefined) return undefined
    const realm = auth.realmUrl ?? `${origins[auth.realm ?? "registry"]}/token`
    const parameters = [`realm="${realm}"`, `service="${service}"`]
    if (scope !== undefined) parameters.push(`scope="${scope}"`)
    if (refusal !== "") parameters.push(`error="${refusal}"`)
    return RegistryAnswer.error(401, undefined, { "www-authenticate": `Bearer ${parameters.join(",")}` })
  }

  #refusal(auth: BearerAuth, request: RegistryRequest, scope: string | undefined): string | undefined {
    if (request.authorization === undefined) return ""
    const value = /^Bearer (.+)$/i.exec(request.authorization)?.[1]
    if (value === undefined) return "invalid_token"
    if (value === auth.registryToken) return undefined
    const token = this.#tokens.get(value)
    if (token === undefined || token.expiresAt <= request.now) return "invalid_token"
    return scope === undefined || token.scopes.includes(scope) ? undefined : "insufficient_scope"
  }

  /** Answers `GET /token` (credentials in the Authorization header) and `POST /token` (OAuth2). */
  issue(request: RegistryRequest): RegistryAnswer.RegistryAnswer {
    const { auth } = this
    if (auth._tag !== "Bearer") return RegistryAnswer.error(404)
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
