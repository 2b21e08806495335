import * as ServedResponse from "./ServedResponse.ts"
import type { ServedRequest } from "./ServedRequest.ts"
import { basicAuthorization, type BasicCredentials } from "../wire/BasicCredentials.ts"

/** The authentication that the registry requires. */
export type RegistryAuth =
  | { readonly _tag: "None" }
  | ({ readonly _tag: "Basic"; readonly refuseWith?: 401 | 403 } & BasicCredentials & Concealment)
  | (BearerAuth & BasicCredentials & Concealment)

/**
 * Options for responses to requests without credentials. Some registries hide repositories from such requests, and
 * respond without a challenge.
 */
export interface Concealment {
  /**
   * If set, the response to a request without credentials has this status and no challenge. A request for `/v2/` is an
   * exception (see `ping`). Default: the response is 401 with a challenge.
   */
  readonly hideWith?: 401 | 403 | 404
  /**
   * The response to requests for `/v2/` without credentials. Used only if `hideWith` is set. `challenge` (default) is
   * 401 with a challenge, and `bare 401` is 401 without a challenge. A number is a status without a challenge.
   */
  readonly ping?: "challenge" | "bare 401" | 200 | 404
  /** Rewrites the challenge before it is sent. */
  readonly writeChallenge?: (challenge: string) => string
}

/**
 * Authentication by bearer tokens from the token endpoint. Source: distribution, "Token Authentication Specification".
 */
export interface BearerAuth {
  readonly _tag: "Bearer"
  /** The status for a token that is invalid, expired or of another scope. Default: 401 with a challenge. */
  readonly refuseTokensWith?: 400 | 401 | 403
  /**
   * The registry refuses the first `refuseFirst` requests that have a valid token from the token endpoint. Default: 0.
   */
  readonly refuseFirst?: number
  /** Refuses every POST to the token endpoint with this status. */
  readonly refusePostWith?: number
  /**
   * Redirects each token request once. `itself` redirects to the listener that received the request. `other` redirects
   * from the registry to the blob store, and from the blob store to the registry.
   */
  readonly redirectTokens?: { readonly status: number; readonly to: "itself" | "other" }
  /**
   * The lifetime of a token in seconds, sent as `expires_in`. By default, the lifetime is 60 seconds, and `expires_in`
   * is not sent. The specification defines 60 seconds for this case.
   */
  readonly expiresIn?: number
  /** True if the token endpoint issues tokens to GET requests without credentials too. Default: false. */
  readonly anonymous?: boolean
  /** The name of the token field in the response. Default: `token`. */
  readonly tokenField?: "token" | "access_token" | "both"
  /** The status of the token endpoint's response to wrong or missing credentials. Default: 401. */
  readonly refuseWith?: 401 | 403
  /**
   * The realm in the challenge is the URL of `/token` on this listener. `store` is the blob store of the registry.
   * Default: `registry`.
   */
  readonly realmListener?: "registry" | "store"
  /** The realm in the challenge. Overrides `realmListener`. */
  readonly realmUrl?: string
  /**
   * The OAuth2 refresh token that the token endpoint accepts in a POST. It is the `identitytoken` of a docker config.
   */
  readonly identityToken?: string
  /**
   * A bearer token that is valid for all repositories and never expires. It is the `registrytoken` of a docker config.
   */
  readonly registryToken?: string
}

interface Token {
  readonly scopes: ReadonlyArray<string>
  readonly expiresAt: number
}

/** The value of `service` in challenges and in valid token requests. */
export const tokenServiceName = "testkit-registry"

/**
 * Applies the options of {@link Concealment} to a request. If the options refuse the request, returns the response. If
 * they allow the request, returns undefined. If the caller must check the request's credentials, returns `challenge`.
 */
const conceal = (
  auth: Exclude<RegistryAuth, { readonly _tag: "None" }>,
  { authorization, path }: ServedRequest
): ServedResponse.ServedResponse | undefined | "challenge" => {
  if (auth.hideWith === undefined || authorization !== undefined) return "challenge"
  if (path !== "/v2/" && path !== "/v2") return ServedResponse.error(auth.hideWith)
  const { ping = "challenge" } = auth
  if (ping === "challenge") return "challenge"
  return ping === 200 ? undefined : ServedResponse.error(ping === 404 ? 404 : 401)
}

/** Authorizes the requests to one registry, and responds at its token endpoint. */
export class RegistryAuthService {
  auth: RegistryAuth
  readonly #tokens = new Map<string, Token>()
  #issued = 0
  #refused = 0

  constructor(auth: RegistryAuth) {
    this.auth = auth
  }

  /** Revokes all tokens issued so far. */
  revokeTokens(): void {
    this.#tokens.clear()
  }

  /** Returns the response that refuses a request, or undefined if the request may access `scope`. */
  refusalOf(
    request: ServedRequest,
    scope: string | undefined,
    origins: { readonly registry: string; readonly store: string }
  ): ServedResponse.ServedResponse | undefined {
    const { auth } = this
    if (auth._tag === "None") return undefined
    const concealed = conceal(auth, request)
    if (concealed !== "challenge") return concealed
    const { writeChallenge = (challenge) => challenge } = auth
    if (auth._tag === "Basic") {
      if (request.authorization === basicAuthorization(auth)) return undefined
      const status = request.authorization === undefined ? 401 : (auth.refuseWith ?? 401)
      const headers =
        status === 401 ? { "www-authenticate": writeChallenge(`Basic realm="${tokenServiceName}"`) } : {}
      return ServedResponse.error(status, undefined, headers)
    }
    const refusal = this.#refusal(auth, request, scope)
    if (refusal === undefined) return undefined
    if (refusal !== "" && auth.refuseTokensWith !== undefined && auth.refuseTokensWith !== 401)
      return ServedResponse.error(auth.refuseTokensWith)
    const realm = auth.realmUrl ?? `${origins[auth.realmListener ?? "registry"]}/token`
    const parameters = [`realm="${realm}"`, `service="${tokenServiceName}"`]
    if (scope !== undefined) parameters.push(`scope="${scope}"`)
    if (refusal !== "") parameters.push(`error="${refusal}"`)
    return ServedResponse.error(401, undefined, {
      "www-authenticate": writeChallenge(`Bearer ${parameters.join(",")}`)
    })
  }

  #refusal(auth: BearerAuth, request: ServedRequest, scope: string | undefined): string | undefined {
    if (request.authorization === undefined) return ""
    const value = /^Bearer (.+)$/i.exec(request.authorization)?.[1]
    if (value === undefined) return "invalid_token"
    if (value === auth.registryToken) return undefined
    const token = this.#tokens.get(value)
    if (token === undefined || token.expiresAt <= request.respondedAt) return "invalid_token"
    if (this.#refused < (auth.refuseFirst ?? 0)) {
      this.#refused++
      return "invalid_token"
    }
    return scope === undefined || token.scopes.includes(scope) ? undefined : "insufficient_scope"
  }

  /**
   * Returns the response to a token request. The request is a GET with credentials in the Authorization field, or a
   * POST in the format of OAuth2.
   */
  respondToTokenRequest(
    request: ServedRequest,
    origins: { readonly registry: string; readonly store: string }
  ): ServedResponse.ServedResponse {
    const { auth } = this
    if (auth._tag !== "Bearer") return ServedResponse.error(404)
    if (auth.redirectTokens !== undefined && !request.query.has("redirected")) {
      const { status, to } = auth.redirectTokens
      const other = request.listener === "registry" ? "store" : "registry"
      const asked = request.method === "POST" ? new URLSearchParams(request.body) : request.query
      const query = new URLSearchParams({ service: asked.get("service") ?? "", redirected: "1" })
      for (const scope of asked.getAll("scope")) query.append("scope", scope)
      const location = `${origins[to === "itself" ? request.listener : other]}/token?${query.toString()}`
      return ServedResponse.make(status, { location })
    }
    if (request.method === "POST" && auth.refusePostWith !== undefined)
      return ServedResponse.error(auth.refusePostWith)
    const form = request.method === "POST" ? new URLSearchParams(request.body) : request.query
    if (form.get("service") !== tokenServiceName) return ServedResponse.error(400, "UNSUPPORTED")
    const known =
      request.method === "POST"
        ? this.#isGrantValid(auth, form)
        : request.authorization === undefined
          ? auth.anonymous === true
          : request.authorization === basicAuthorization(auth)
    if (!known) return ServedResponse.error(auth.refuseWith ?? 401)

    const lifetime = auth.expiresIn ?? 60
    const value = `token-${++this.#issued}-${crypto.randomUUID()}`
    const scopes = form.getAll("scope").flatMap((scopes) => scopes.split(" "))
    this.#tokens.set(value, { scopes, expiresAt: request.respondedAt + lifetime * 1000 })
    const field = auth.tokenField ?? "token"
    return ServedResponse.json(
      200,
      {
        ...(field === "access_token" ? {} : { token: value }),
        ...(field === "token" ? {} : { access_token: value }),
        ...(auth.expiresIn === undefined ? {} : { expires_in: auth.expiresIn })
      },
      { "cache-control": "no-store" }
    )
  }

  #isGrantValid(auth: BearerAuth & BasicCredentials, form: URLSearchParams): boolean {
    const grant = form.get("grant_type")
    if (grant === "refresh_token") {
      return auth.identityToken !== undefined && form.get("refresh_token") === auth.identityToken
    }
    return (
      grant === "password" && form.get("username") === auth.username && form.get("password") === auth.password
    )
  }
}
