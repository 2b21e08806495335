import * as ServedResponse from "@registry-packages-proxy/testkit/registry/ServedResponse"
import type { RegistryAuth } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import type { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { account, base64, configWith, rightEntry, situation, type Situation } from "../world/Situation.ts"

const basic: RegistryAuth = { _tag: "Basic", ...account }
const bearer: RegistryAuth = { _tag: "Bearer", ...account }

const entry = (value: unknown) => (host: string) => configWith(host, value)
const wrongEntry = { auth: base64(`${account.username}:wrong`) }

/** A registry with Basic authentication that sends `challenge` as its WWW-Authenticate field. */
const withChallenge = (name: string, challenge: string): Situation =>
  situation(`challenge: ${name}`, {
    options: { auth: basic },
    prepare: (registry) =>
      registry.setOverride((_, byRules) => {
        const answer = byRules()
        if (answer.status !== 401) return answer
        return { ...answer, headers: { ...answer.headers, "www-authenticate": challenge } }
      })
  })

/**
 * Makes a registry hide its repositories: anonymous requests for manifests and blobs get the status `anonymous`.
 * Anonymous requests for `/v2/` get 200 if `ping` is 200, otherwise the registry's challenge.
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
    situation(`anonymous requests get ${anonymous}, /v2/ has ${word} challenge`, {
      options: { auth },
      prepare: (registry) => hiding(registry, anonymous, ping, auth)
    })
  )
)

/** Situations with different authentication schemes and challenges. */
export const challenges: ReadonlyArray<Situation> = [
  situation("no authentication"),
  situation("no authentication, with credentials", { config: entry(rightEntry) }),
  situation("Basic", { options: { auth: basic } }),
  situation("Basic, wrong password", { options: { auth: basic }, config: entry(wrongEntry) }),
  situation("Basic, wrong password that gets 403", {
    options: { auth: { ...basic, refuseWith: 403 } },
    config: entry(wrongEntry)
  }),
  situation("Basic, no credentials", { options: { auth: basic }, config: () => `{"auths":{}}` }),
  situation("Bearer", { options: { auth: bearer } }),
  situation("Bearer, wrong password", { options: { auth: bearer }, config: entry(wrongEntry) }),
  situation("Bearer, wrong password that gets 403", {
    options: { auth: { ...bearer, refuseWith: 403 } },
    config: entry(wrongEntry)
  }),
  situation("Bearer, no credentials", { options: { auth: bearer }, config: () => `{"auths":{}}` }),
  situation("Bearer for everybody, no credentials", {
    options: { auth: { ...bearer, anonymous: true } },
    config: () => `{"auths":{}}`
  }),
  ...hidden,
  situation("there is no such package, with credentials nobody asks for", {
    config: entry(rightEntry),
    prepare: (registry) =>
      registry.setOverride((request, byRules) =>
        request.path.includes("/manifests/") ? ServedResponse.error(404, "MANIFEST_UNKNOWN") : byRules()
      )
  }),
  situation("a 401 to a fresh token, once", {
    options: { auth: bearer },
    prepare: (registry) => {
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
