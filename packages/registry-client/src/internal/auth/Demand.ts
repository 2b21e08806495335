import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Option, Result } from "effect"
import type { HttpClientResponse } from "effect/http"
import * as Challenge from "./Challenge.ts"
import * as RegistryAddress from "../wire/RegistryAddress.ts"

/** Ask the token service at `realm` for a token. */
export interface BearerDemand {
  readonly _tag: "Bearer"
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string
}

/** The way in which a registry wants to be asked. */
export type Demand = { readonly _tag: "Basic" } | BearerDemand

/** The demand of a refusal. */
export interface Demanded {
  readonly demand: Demand | undefined
  /** It says that the token is good, but not for this. */
  readonly insufficientScope: boolean
}

/**
 * Reads the address of a token service: absolute, or relative to the registry's own. Undefined where it is none, or
 * one on plain HTTP that a registry on HTTPS names.
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
 * The demand to meet among those of a 401 from `url`: a token service that can be asked, else Basic, else a token
 * service that cannot. `scope` is asked for where the challenge names none.
 */
export const of = (
  response: HttpClientResponse.HttpClientResponse,
  url: HttpUrl,
  scope: string
): Demanded => {
  const challenges =
    response.status === 401 ? Challenge.parse(response.headers["www-authenticate"] ?? "") : []
  const bearers = challenges.filter(
    ({ parameters, scheme }) => scheme === "bearer" && parameters.has("realm")
  )
  const usable = bearers.find(({ parameters }) => realmUrl(parameters.get("realm") ?? "", url) !== undefined)
  const isBasic = challenges.some(({ scheme }) => scheme === "basic")
  const bearer = usable ?? (isBasic ? undefined : bearers[0])
  if (bearer === undefined)
    return { demand: isBasic ? { _tag: "Basic" } : undefined, insufficientScope: false }
  const { parameters } = bearer
  return {
    demand: {
      _tag: "Bearer",
      realm: parameters.get("realm") ?? "",
      service: nonEmpty(parameters.get("service")),
      scope: nonEmpty(parameters.get("scope")) ?? scope
    },
    insufficientScope: parameters.get("error") === "insufficient_scope"
  }
}

export const isSame = (self: Demand, that: Demand): boolean =>
  self._tag === "Basic" || that._tag === "Basic"
    ? self._tag === that._tag
    : self.realm === that.realm && self.service === that.service && self.scope === that.scope
