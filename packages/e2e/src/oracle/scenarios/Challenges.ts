import * as ServedResponse from "@registry-packages-proxy/testkit/registry/ServedResponse"
import type { RegistryAuth } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import type { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import {
  defaultCredentials,
  encodeBase64,
  dockerConfigWith,
  validAuthEntry,
  scenario,
  type Scenario
} from "../harness/Scenario.ts"

const basic: RegistryAuth = { _tag: "Basic", ...defaultCredentials }
const bearer: RegistryAuth = { _tag: "Bearer", ...defaultCredentials }

const entry = (value: unknown) => (host: string) => dockerConfigWith(host, value)
const wrongEntry = { auth: encodeBase64(`${defaultCredentials.username}:wrong`) }

/**
 * Returns a scenario with Basic authentication in which the registry sends `challenge` as its WWW-Authenticate header.
 */
const withChallenge = (name: string, challenge: string): Scenario =>
  scenario(`challenge: ${name}`, {
    registryOptions: { auth: basic },
    prepareRegistry: (registry) =>
      registry.setOverride((_, byRules) => {
        const answer = byRules()
        if (answer.status !== 401) return answer
        return { ...answer, headers: { ...answer.headers, "www-authenticate": challenge } }
      })
  })

/**
 * Makes a registry hide its repositories from anonymous clients. Their requests for manifests and blobs get the status
 * `anonymous`. Their requests for `/v2/` get 200 if `ping` is 200, otherwise the registry's challenge.
 */
const hiding = (registry: TestRegistry["Service"], anonymous: number, ping: number, auth: RegistryAuth) =>
  registry.setOverride((request, byRules) => {
    if (request.authorization !== undefined || request.path === "/token") return byRules()
    if (request.path === "/v2/") return ping === 200 ? ServedResponse.json(200, {}) : byRules()
    const answer = ServedResponse.error(anonymous, "NAME_UNKNOWN")
    return auth._tag === "None" ? byRules() : answer
  })

const hidden = [404, 403, 401].flatMap((anonymous) =>
  (
    [
      [401, bearer, "Bearer"],
      [401, basic, "Basic"],
      [200, basic, "no"]
    ] as const
  ).map(([ping, auth, word]) =>
    scenario(`anonymous requests get ${anonymous}, /v2/ has ${word} challenge`, {
      registryOptions: { auth },
      prepareRegistry: (registry) => hiding(registry, anonymous, ping, auth)
    })
  )
)

/** Scenarios with different authentication schemes and challenges. */
export const challenges: ReadonlyArray<Scenario> = [
  scenario("no authentication"),
  scenario("no authentication, with credentials", { dockerConfig: entry(validAuthEntry) }),
  scenario("Basic", { registryOptions: { auth: basic } }),
  scenario("Basic, wrong password", { registryOptions: { auth: basic }, dockerConfig: entry(wrongEntry) }),
  scenario("Basic, wrong password that gets 403", {
    registryOptions: { auth: { ...basic, refuseWith: 403 } },
    dockerConfig: entry(wrongEntry)
  }),
  scenario("Basic, no credentials", { registryOptions: { auth: basic }, dockerConfig: () => `{"auths":{}}` }),
  scenario("Bearer", { registryOptions: { auth: bearer } }),
  scenario("Bearer, wrong password", { registryOptions: { auth: bearer }, dockerConfig: entry(wrongEntry) }),
  scenario("Bearer, wrong password that gets 403", {
    registryOptions: { auth: { ...bearer, refuseWith: 403 } },
    dockerConfig: entry(wrongEntry)
  }),
  scenario("Bearer, no credentials", {
    registryOptions: { auth: bearer },
    dockerConfig: () => `{"auths":{}}`
  }),
  scenario("Bearer for everybody, no credentials", {
    registryOptions: { auth: { ...bearer, anonymous: true } },
    dockerConfig: () => `{"auths":{}}`
  }),
  ...hidden,
  scenario("there is no such package, with credentials nobody asks for", {
    dockerConfig: entry(validAuthEntry),
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) =>
        request.path.includes("/manifests/") ? ServedResponse.error(404, "MANIFEST_UNKNOWN") : byRules()
      )
  }),
  scenario("a 401 to a fresh token, once", {
    registryOptions: { auth: bearer },
    prepareRegistry: (registry) => {
      let refused = false
      return registry.setOverride((request, byRules) => {
        if (refused || request.authorization === undefined || !request.path.startsWith("/v2/"))
          return byRules()
        refused = true
        return ServedResponse.error(401, undefined, {
          "www-authenticate": `Bearer realm="${registry.origin}/token",service="testkit-registry"`
        })
      })
    }
  }),
  withChallenge("scheme in capitals", 'BASIC realm="x"'),
  withChallenge("no realm", "Basic"),
  withChallenge("realm without quotes", "Basic realm=x"),
  withChallenge("Negotiate first", 'Negotiate, Basic realm="x"'),
  withChallenge("Negotiate with a token first", 'Negotiate YWJj, Basic realm="x"'),
  withChallenge("Basic before a Bearer of somebody else", 'Basic realm="x", Bearer error="invalid_token"'),
  withChallenge("a comma in the realm", 'Basic realm="a, Bearer b"'),
  withChallenge("a scheme nobody knows", 'Digest realm="x",nonce="y"'),
  withChallenge("an unclosed quote", 'Basic realm="x')
]
