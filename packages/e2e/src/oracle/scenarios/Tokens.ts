import * as ServedResponse from "@registry-packages-proxy/testkit/registry/ServedResponse"
import type { RegistryAuth } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import type { RegistryOverride } from "@registry-packages-proxy/testkit/registry/RegistryRules"
import type { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { gzipSync } from "node:zlib"
import {
  defaultCredentials,
  encodeBase64,
  dockerConfigWith,
  validAuthEntry,
  type ScenarioOptions,
  scenario,
  type Scenario
} from "../harness/Scenario.ts"

const bearer: RegistryAuth = { _tag: "Bearer", ...defaultCredentials }
const identityToken = "identity-token-of-the-reader"

const withTokens = (
  name: string,
  changes: Partial<Extract<RegistryAuth, { readonly _tag: "Bearer" }>> = {},
  about: ScenarioOptions = {}
): Scenario => scenario(`token: ${name}`, { registryOptions: { auth: { ...bearer, ...changes } }, ...about })

/**
 * Returns a scenario in which the token service sends the response that `respond` returns. The first argument of
 * `respond` is the response that the token service would send otherwise.
 */
const tokenService = (
  name: string,
  respond: (
    byRules: ServedResponse.ServedResponse,
    request: Parameters<RegistryOverride>[0],
    registry: TestRegistry["Service"],
    turn: number
  ) => ServedResponse.ServedResponse,
  about: ScenarioOptions = {}
): Scenario =>
  withTokens(
    name,
    {},
    {
      ...about,
      prepareRegistry: (registry) => {
        let turn = 0
        return registry.setOverride((request, byRules) =>
          request.path.startsWith("/token") ? respond(byRules(), request, registry, ++turn) : byRules()
        )
      }
    }
  )

const textOf = ({ body }: ServedResponse.ServedResponse): string =>
  Buffer.concat([...body.chunks()]).toString()

const bytes = (status: number, headers: Readonly<Record<string, string>>, body: Uint8Array) =>
  ServedResponse.make(status, headers, { size: body.length, chunks: () => [body] })

/**
 * Returns a scenario with Bearer authentication. `change` receives the challenge of the registry and returns the
 * challenge that the client gets instead.
 */
const challenging = (name: string, change: (challenge: string) => string): Scenario =>
  withTokens(
    name,
    {},
    {
      prepareRegistry: (registry) =>
        registry.setOverride((_, byRules) => {
          const response = byRules()
          const { "www-authenticate": challenge } = response.headers
          if (challenge === undefined) return response
          return { ...response, headers: { ...response.headers, "www-authenticate": change(challenge) } }
        })
    }
  )

/**
 * Returns a scenario in which the registry issues the same token to all clients. The registry's challenge has
 * `parameters` after the realm.
 */
const oneToken = (name: string, parameters: string): Scenario =>
  scenario(`token: ${name}`, {
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) => {
        if (request.path === "/token") return ServedResponse.json(200, { token: "only-one" })
        if (request.authorization === "Bearer only-one") return byRules()
        const challenge = [`Bearer realm="${registry.origin}/token"`, parameters].filter(
          (part) => part !== ""
        )
        return ServedResponse.error(401, undefined, { "www-authenticate": challenge.join(",") })
      })
  })

/** Scenarios with different token services and token responses. */
export const tokens: ReadonlyArray<Scenario> = [
  withTokens("as access_token", { tokenField: "access_token" }),
  withTokens("under both names", { tokenField: "both" }),
  withTokens("that says how long it lives", { expiresIn: 3600 }),
  withTokens(
    "of a docker config (registrytoken)",
    { registryToken: "a-token" },
    {
      dockerConfig: (host) => dockerConfigWith(host, { registrytoken: "a-token" })
    }
  ),
  withTokens(
    "for an identity token",
    { identityToken },
    {
      dockerConfig: (host) => dockerConfigWith(host, { identitytoken: identityToken })
    }
  ),
  withTokens(
    "for an identity token beside `auth`",
    { identityToken },
    {
      dockerConfig: (host) =>
        dockerConfigWith(host, { auth: encodeBase64("<token>:"), identitytoken: identityToken })
    }
  ),
  withTokens(
    "for a wrong identity token",
    { identityToken },
    {
      dockerConfig: (host) => dockerConfigWith(host, { identitytoken: "wrong" })
    }
  ),
  tokenService(
    "POST gets 404: name and password instead",
    (byRules, request) => (request.method === "POST" ? ServedResponse.error(404) : byRules),
    { dockerConfig: (host) => dockerConfigWith(host, { ...validAuthEntry, identitytoken: identityToken }) }
  ),
  tokenService(
    "POST gets 405: name and password instead",
    (byRules, request) => (request.method === "POST" ? ServedResponse.error(405) : byRules),
    { dockerConfig: (host) => dockerConfigWith(host, { ...validAuthEntry, identitytoken: identityToken }) }
  ),
  withTokens(
    "from another host",
    { realmListener: "store" },
    { registryOptions: { host: "localhost", auth: { ...bearer, realmListener: "store" } } }
  ),
  withTokens("from another port of an IP address", { realmListener: "store" }),
  withTokens(
    "from plain http for an https registry",
    {},
    { isHttps: true, registryOptions: { auth: { ...bearer, realmUrl: "http://localhost:1/token" } } }
  ),
  withTokens("from no address at all", { realmUrl: "not an address" }),
  challenging("challenge without a scope", (challenge) => challenge.replace(/,scope="[^"]*"/, "")),
  oneToken("challenge without a service", 'scope="repository:group/modules:pull"'),
  oneToken("challenge with an empty service", 'service="",scope="repository:group/modules:pull"'),
  oneToken("challenge with nothing but a realm", ""),
  oneToken(
    "challenge with two scopes",
    'service="s",scope="repository:group/modules:pull repository:other:pull"'
  ),
  oneToken("challenge with a scope for everything", 'service="s",scope="*"'),
  challenging("realm with a query", (challenge) => challenge.replace("/token", "/token?account=x")),
  challenging("scheme in small letters", (challenge) => challenge.replace("Bearer", "bearer")),
  challenging("spaces after the commas", (challenge) => challenge.replaceAll(",", ",  ")),
  tokenService("redirected on the same origin", (byRules, request) =>
    request.query.has("moved")
      ? byRules
      : ServedResponse.make(307, { location: `${request.path}?moved=1&${request.query.toString()}` })
  ),
  tokenService("redirected for ever", (_byRules, request) =>
    ServedResponse.make(307, { location: `${request.path}?${request.query.toString()}` })
  ),
  tokenService("gzip-encoded", (byRules) =>
    byRules.status === 200
      ? bytes(
          200,
          { "content-type": "application/json", "content-encoding": "gzip" },
          gzipSync(textOf(byRules))
        )
      : byRules
  ),
  tokenService("201", (byRules) => (byRules.status === 200 ? { ...byRules, status: 201 } : byRules)),
  tokenService("as text/plain", (byRules) => ({
    ...byRules,
    headers: { ...byRules.headers, "content-type": "text/plain" }
  })),
  tokenService("with a field that is of another type", (byRules) =>
    byRules.status === 200
      ? ServedResponse.json(200, { ...(JSON.parse(textOf(byRules)) as object), expires_in: "300" })
      : byRules
  ),
  tokenService("with expires_in a fraction", (byRules) =>
    byRules.status === 200
      ? ServedResponse.json(200, { ...(JSON.parse(textOf(byRules)) as object), expires_in: 300.5 })
      : byRules
  ),
  tokenService("with fields that nobody knows", (byRules) =>
    byRules.status === 200
      ? ServedResponse.json(200, { ...(JSON.parse(textOf(byRules)) as object), issued_at: 7, scope: null })
      : byRules
  ),
  tokenService("in an answer of 100 KiB", (byRules) =>
    byRules.status === 200
      ? ServedResponse.json(200, {
          ...(JSON.parse(textOf(byRules)) as object),
          padding: "x".repeat(100 * 1024)
        })
      : byRules
  ),
  tokenService("an empty one", (byRules) =>
    byRules.status === 200 ? ServedResponse.json(200, { token: "" }) : byRules
  ),
  tokenService("no JSON", () => ServedResponse.jsonText(200, "<html>")),
  tokenService("503 once", (byRules, _request, _registry, turn) =>
    turn === 1 ? ServedResponse.error(503) : byRules
  ),
  tokenService("429 once", (byRules, _request, _registry, turn) =>
    turn === 1 ? ServedResponse.error(429) : byRules
  ),
  tokenService("500 always", () => ServedResponse.error(500)),
  tokenService("404 always", () => ServedResponse.error(404))
]
