import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Option, Result } from "effect"
import type { HttpClientResponse } from "effect/http"
import * as WwwAuthenticate from "./WwwAuthenticate.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"

/** A challenge that requires a token from the token service at `realm`. */
export interface BearerChallenge {
  readonly _tag: "Bearer"
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string
}

/** A challenge that this client supports. Requires Basic authentication or a bearer token. */
export type AuthChallenge = { readonly _tag: "Basic" } | BearerChallenge

/** The challenge that was chosen from a response. */
export interface ChosenChallenge {
  /** Undefined if the response has no supported challenge. */
  readonly challenge: AuthChallenge | undefined
  /**
   * True if the server accepts the token, but not for this repository. Source: RFC 6750, section 3.1,
   * `insufficient_scope`.
   */
  readonly insufficientScope: boolean
}

/**
 * Returns the URL of a token service. `realm` may be relative to `base`. Returns undefined if `realm` is not a URL, or
 * is on plain HTTP while `base` is on HTTPS.
 */
export const realmUrl = (realm: string, base: HttpUrl): HttpUrl | undefined =>
  Option.getOrUndefined(
    Option.filter(
      Result.getSuccess(HttpUrl.resolve(base, realm)),
      (url) => !RegistryAddress.isDowngrade(base, url)
    )
  )

const nonEmpty = (value: string | undefined): string | undefined => (value === "" ? undefined : value)

/**
 * Chooses a challenge of a 401 response. Prefers a Bearer challenge for which {@link realmUrl} returns a URL, then
 * Basic, then any other Bearer challenge with a realm. `url` is the base of a relative realm. If the chosen Bearer
 * challenge has no scope, `scope` becomes its scope. If the status is not 401, `challenge` is undefined.
 */
export const choose = (
  response: HttpClientResponse.HttpClientResponse,
  url: HttpUrl,
  scope: string
): ChosenChallenge => {
  const challenges =
    response.status === 401 ? WwwAuthenticate.parse(response.headers["www-authenticate"] ?? "") : []
  const bearers = challenges.filter(
    ({ parameters, scheme }) => scheme === "bearer" && parameters.has("realm")
  )
  const usable = bearers.find(({ parameters }) => realmUrl(parameters.get("realm") ?? "", url) !== undefined)
  const isBasic = challenges.some(({ scheme }) => scheme === "basic")
  const bearer = usable ?? (isBasic ? undefined : bearers[0])
  if (bearer === undefined)
    return { challenge: isBasic ? { _tag: "Basic" } : undefined, insufficientScope: false }
  const { parameters } = bearer
  return {
    challenge: {
      _tag: "Bearer",
      realm: parameters.get("realm") ?? "",
      service: nonEmpty(parameters.get("service")),
      scope: nonEmpty(parameters.get("scope")) ?? scope
    },
    insufficientScope: parameters.get("error") === "insufficient_scope"
  }
}

export const isEqual = (self: AuthChallenge, that: AuthChallenge): boolean =>
  self._tag === "Basic" || that._tag === "Basic"
    ? self._tag === that._tag
    : self.realm === that.realm && self.service === that.service && self.scope === that.scope
