import { assert, describe, it } from "@effect/vitest"
import type { Credential } from "@registry-packages-proxy/domain/Credential"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import type { RegistryAuth } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import type { RegistryRedirect } from "@registry-packages-proxy/testkit/registry/RegistryRules"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect, Fiber, Layer, Option, Redacted, Result, Stream } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { RegistryClient } from "../../../src/RegistryClient.ts"
import { Upstream } from "../../../src/Upstream.ts"
import { reason } from "../../FailureReason.ts"

const name = RepositoryName.make("some/packages")
const bytes = RegistryBlob.randomBytes(5, 1000)
const account = { username: "user", password: "s3cret" }
const login: Credential = { _tag: "Basic", username: "user", password: Redacted.make("s3cret") }
const identityToken: Credential = { _tag: "IdentityToken", token: Redacted.make("refresh-me") }

const bearer = (changes: Partial<Extract<RegistryAuth, { readonly _tag: "Bearer" }>> = {}): RegistryAuth => ({
  _tag: "Bearer",
  ...account,
  ...changes
})
const basic = (changes: Partial<Extract<RegistryAuth, { readonly _tag: "Basic" }>> = {}): RegistryAuth => ({
  _tag: "Basic",
  ...account,
  ...changes
})

const setUp = Effect.fnUntraced(function* (
  auth: RegistryAuth,
  redirect: RegistryRedirect = { _tag: "None" }
) {
  const { registry, upstream } = yield* TestRegistry.makeWithoutNetwork({ auth, redirect })
  const image = yield* registry.putPackage(name, bytes)
  const client = yield* RegistryClient.pipe(
    Effect.provide(Layer.fresh(RegistryClient.layer).pipe(Layer.provide(Layer.succeed(Upstream, upstream))))
  )
  const pull = (credential: Credential = login) =>
    Effect.gen(function* () {
      const repository = { source: registry.source("", { credential }), name }
      const layer = yield* client.resolve(repository, image.digest, Platform.make("linux/amd64"))
      return Buffer.concat(yield* Stream.runCollect(client.blob(repository, layer, 0)))
    }).pipe(Effect.result)
  /** Returns the operation, status and authentication scheme of each request since the previous run of this effect. */
  const requestLog = Effect.gen(function* () {
    const requests = yield* registry.requests
    yield* registry.clearRequests
    return requests.map(
      ({ authScheme, listener, method, operation, status }) =>
        `${operation === "token" && listener === "store" ? "other token" : operation}` +
        `${method === "GET" ? "" : ` ${method}`} ${status} ${authScheme ?? "-"}`
    )
  })
  return { registry, pull, requestLog }
})

interface Row {
  readonly situation: string
  /** Clients that send the same requests, according to their source code of August 2026. */
  readonly sameIn: string
  readonly auth: RegistryAuth
  readonly redirect?: RegistryRedirect
  readonly credential?: Credential
  readonly requestLog: ReadonlyArray<string>
}

const pulledByBearer = ["manifest 200 bearer", "blob 200 bearer"]
const pulledByBasic = ["manifest 200 basic", "blob 200 basic"]

const logins: ReadonlyArray<Row> = [
  ...([404, 403, 401] as const).flatMap((hideWith): ReadonlyArray<Row> => [
    {
      situation: `${hideWith} to a request without credentials, and /v2/ names a token service`,
      sameIn: "docker, go-containerregistry",
      auth: bearer({ hideWith }),
      requestLog: [`manifest ${hideWith} -`, "ping 401 -", "token 200 basic", ...pulledByBearer]
    },
    {
      situation: `${hideWith} to a request without credentials, and /v2/ asks for Basic`,
      sameIn: "docker, go-containerregistry",
      auth: basic({ hideWith }),
      requestLog: [`manifest ${hideWith} -`, "ping 401 -", ...pulledByBasic]
    },
    {
      situation: `${hideWith} to a request without credentials, and /v2/ is open to everybody`,
      sameIn: "go-containerregistry",
      auth: basic({ hideWith, ping: 200 }),
      requestLog: [`manifest ${hideWith} -`, "ping 200 -", ...pulledByBasic]
    },
    {
      situation: `${hideWith} to a request without credentials, and /v2/ is a 401 without a challenge`,
      sameIn: "go-containerregistry",
      auth: basic({ hideWith, ping: "bare 401" }),
      requestLog: [`manifest ${hideWith} -`, "ping 401 -", ...pulledByBasic]
    },
    {
      situation: `${hideWith} to a request without credentials, and /v2/ does not exist`,
      sameIn: "none: docker and go-containerregistry end at the ping, containerd at the first answer",
      auth: basic({ hideWith, ping: 404 }),
      requestLog: [`manifest ${hideWith} -`, "ping 404 -", ...pulledByBasic]
    }
  ]),
  {
    situation:
      "a 401 without a challenge to a request without credentials, and /v2/ names a token service for everybody",
    sameIn: "docker, go-containerregistry",
    auth: bearer({ hideWith: 401, anonymous: true }),
    credential: { _tag: "Anonymous" },
    requestLog: ["manifest 401 -", "ping 401 -", "token 200 -", ...pulledByBearer]
  },
  {
    situation: "a token service that redirects on its own origin",
    sameIn: "docker, containerd, go-containerregistry",
    auth: bearer({ redirectTokens: { status: 307, to: "itself" } }),
    requestLog: ["manifest 401 -", "token 307 basic", "token 200 basic", ...pulledByBearer]
  },
  {
    situation: "a token service that redirects to another origin, which gives tokens to everybody",
    sameIn: "docker, containerd, go-containerregistry",
    auth: bearer({ anonymous: true, redirectTokens: { status: 302, to: "other" } }),
    requestLog: ["manifest 401 -", "token 302 basic", "other token 200 -", ...pulledByBearer]
  },
  {
    situation: "an identity token that POST exchanges, redirected on its own origin",
    sameIn: "docker, containerd, go-containerregistry",
    auth: bearer({ identityToken: "refresh-me", redirectTokens: { status: 308, to: "itself" } }),
    credential: identityToken,
    requestLog: ["manifest 401 -", "token POST 308 -", "token POST 200 -", ...pulledByBearer]
  },
  ...[400, 401, 404, 405, 501].map((refusePostWith): Row => ({
    situation: `an identity token that POST refuses by ${refusePostWith}, beside a name and a password`,
    sameIn: refusePostWith === 501 ? "none" : "containerd; go-containerregistry for 404",
    auth: bearer({ refusePostWith }),
    credential: { ...identityToken, login },
    requestLog: ["manifest 401 -", `token POST ${refusePostWith} -`, "token 200 basic", ...pulledByBearer]
  })),
  {
    situation: "an identity token beside a name and a password, where Basic is required",
    sameIn: "docker, containerd",
    auth: basic(),
    credential: { ...identityToken, login },
    requestLog: ["manifest 401 -", ...pulledByBasic]
  },
  {
    situation: "a token that some replicas do not know yet: its first use is a 401",
    sameIn: "containerd, go-containerregistry",
    auth: bearer({ refuseFirst: 1 }),
    requestLog: [
      "manifest 401 -",
      "token 200 basic",
      "manifest 401 bearer",
      "token 200 basic",
      ...pulledByBearer
    ]
  },
  {
    situation: "a blob store that is a registry, and gives tokens to everybody",
    sameIn: "go-containerregistry",
    auth: basic(),
    redirect: { _tag: "Store", tokens: "issued" },
    requestLog: [
      "manifest 401 -",
      "manifest 200 basic",
      "blob 307 basic",
      "store 401 -",
      "other token 200 -",
      "store 200 bearer"
    ]
  }
]

const token = "https://registry.test/token"
const scope = "repository:some/packages:pull"
const all = ["manifest 401 -", "token 200 basic", ...pulledByBearer]

/**
 * Challenges that differ in their syntax, as real registries send them. Each challenge names the service of the test
 * registry.
 */
const challenges: ReadonlyArray<readonly [situation: string, sameIn: string, challenge: string]> = [
  [
    "after unknown schemes",
    "docker, containerd",
    `Negotiate, NTLM TlRMTQ==, Bearer realm="${token}",service="testkit-registry"`
  ],
  [
    "after Basic",
    "docker, containerd",
    `Basic realm="x", Bearer realm="${token}",service="testkit-registry",scope="${scope}"`
  ],
  [
    "before Basic",
    "docker, containerd",
    `Bearer realm="${token}",service="testkit-registry",scope="${scope}", Basic realm="x"`
  ],
  ["without quotes", "nobody", `Bearer realm=${token}?a=b&c=d,service=testkit-registry,scope=${scope}`],
  [
    "with spaces",
    "nobody",
    `Bearer   realm = "${token}" ,  service = "testkit-registry" , scope = "${scope}" `
  ],
  ["with spaces for commas", "nobody", `Bearer realm="${token}" service="testkit-registry" scope="${scope}"`],
  [
    "in capitals",
    "docker, containerd",
    `BEARER REALM="${token}",SERVICE="testkit-registry",SCOPE="${scope}"`
  ],
  ["with unknown parameters", "all", `Bearer realm="${token}",x="a, b",service="testkit-registry",y=z`],
  ["without a scope", "docker", `Bearer realm="${token}",service="testkit-registry"`],
  ["with an empty scope", "docker", `Bearer realm="${token}",service="testkit-registry",scope=""`],
  [
    "with more scopes than needed",
    "containerd",
    `Bearer realm="${token}",service="testkit-registry",scope="repository:a/b:pull,push ${scope}"`
  ],
  ["with a realm relative to the registry", "nobody", `Bearer realm="/token",service="testkit-registry"`],
  [
    "with a realm without a scheme",
    "nobody",
    `Bearer realm="//registry.test/token",service="testkit-registry"`
  ],
  [
    "with a realm on plain HTTP before one on HTTPS",
    "nobody",
    `Bearer realm="http://registry.test/token", Bearer realm="${token}",service="testkit-registry"`
  ]
]

describe("a challenge", () => {
  for (const [situation, sameIn, challenge] of challenges) {
    it.effect(
      `is answered ${situation} (same in: ${sameIn})`,
      Effect.fn(function* () {
        const { pull, requestLog } = yield* setUp(bearer({ writeChallenge: () => challenge }))
        assert.isTrue(Result.isSuccess(yield* pull()))
        assert.deepStrictEqual(yield* requestLog, all)
      })
    )
  }

  for (const [situation, challenge] of [
    ["a Bearer on plain HTTP", 'Bearer realm="http://registry.test/token", Basic realm="x"'],
    ["a Bearer without a realm", 'Bearer service="x", Basic realm="x"'],
    ["a Bearer whose realm is not a URL", 'Basic, Bearer realm="ftp://registry.test/"']
  ] as const) {
    it.effect(
      `of Basic is answered if the field also has ${situation}`,
      Effect.fn(function* () {
        const { pull, requestLog } = yield* setUp(basic({ writeChallenge: () => challenge }))
        assert.isTrue(Result.isSuccess(yield* pull()))
        assert.deepStrictEqual(yield* requestLog, ["manifest 401 -", ...pulledByBasic])
      })
    )
  }

  for (const challenge of ["", "Negotiate", "Bearer", "Digest realm=x, nonce=y", '=,="', "\u00ff"]) {
    it.effect(
      `that cannot be used ("${challenge}") is requested from /v2/; then Basic is tried`,
      Effect.fn(function* () {
        const { pull, requestLog } = yield* setUp(basic({ writeChallenge: () => challenge }))
        assert.isTrue(Result.isSuccess(yield* pull()))
        assert.deepStrictEqual(yield* requestLog, ["manifest 401 -", "ping 401 -", ...pulledByBasic])
      })
    )
  }
})

describe("a login succeeds", () => {
  for (const { auth, credential, sameIn, redirect, situation, requestLog: expected } of logins) {
    it.effect(
      `${situation} (same in: ${sameIn})`,
      Effect.fn(function* () {
        const { pull, requestLog } = yield* setUp(auth, redirect)
        const result = yield* pull(credential)
        assert.deepStrictEqual(yield* requestLog, expected)
        assert.isTrue(Result.isSuccess(result) && result.success.equals(bytes))
      })
    )
  }
})

describe("after a pull", () => {
  it.effect(
    "a guessed login is cached once it has worked",
    Effect.fn(function* () {
      const { pull, requestLog } = yield* setUp(basic({ hideWith: 404, ping: 200 }))
      yield* pull()
      yield* requestLog
      yield* pull()
      assert.deepStrictEqual(yield* requestLog, pulledByBasic)
    })
  )

  it.effect(
    "a missing digest does not make other requests log in",
    Effect.fn(function* () {
      const { pull, registry, requestLog } = yield* setUp({ _tag: "None" })
      const image = yield* registry.putPackage(RepositoryName.make("some/others"), new Uint8Array([1]))
      yield* registry.injectFaults("manifest", { _tag: "Status", status: 404 }, { times: 2 })
      assert.strictEqual(reason(yield* pull())["_tag"], "ManifestNotFound")
      assert.deepStrictEqual(yield* requestLog, ["manifest 404 -", "ping 200 -", "manifest 404 basic"])
      assert.isDefined(image)
      yield* pull()
      assert.deepStrictEqual(yield* requestLog, ["manifest 200 -", "blob 200 -"])
    })
  )

  for (const status of [400, 401, 403] as const) {
    it.effect(
      `a cached token that is refused by ${status} is replaced once`,
      Effect.fn(function* () {
        const { pull, registry, requestLog } = yield* setUp(bearer({ refuseTokensWith: status }))
        yield* pull()
        yield* requestLog
        yield* registry.revokeTokens
        assert.isTrue(Result.isSuccess(yield* pull()))
        assert.deepStrictEqual(yield* requestLog, [
          `manifest ${status} bearer`,
          "token 200 basic",
          ...pulledByBearer
        ])
      })
    )
  }

  it.effect(
    "credentials are not sent for ten seconds after the second 401 to a fresh token; after 403 or 404 they are",
    Effect.fn(function* () {
      for (const [status, cools] of [
        [401, true],
        [403, false],
        [404, false]
      ] as const) {
        const { pull, registry, requestLog } = yield* setUp(bearer())
        yield* pull()
        yield* requestLog
        yield* registry.injectFaults("manifest", { _tag: "Status", status }, { times: "always" })
        const { _tag } = reason(yield* pull())
        assert.strictEqual(_tag, status === 404 ? "ManifestNotFound" : "Refused")
        assert.strictEqual(
          (yield* requestLog).filter((line) => line.startsWith("token")).length,
          status === 401 ? 2 : status === 403 ? 1 : 0
        )
        yield* registry.clearFaults
        assert.strictEqual(Result.isFailure(yield* pull()), cools, `${status}`)
        yield* TestClock.adjust("10 seconds")
        assert.isTrue(Result.isSuccess(yield* pull()))
      }
    })
  )

  it.effect(
    "requests without credentials still succeed while refused credentials are not sent",
    Effect.fn(function* () {
      const { pull, registry, requestLog } = yield* setUp({ _tag: "None" })
      yield* registry.injectFaults("manifest", { _tag: "Status", status: 404 })
      yield* registry.injectFaults("manifest", { _tag: "Status", status: 401 })
      assert.strictEqual(reason(yield* pull())["_tag"], "Refused")
      assert.deepStrictEqual(yield* requestLog, ["manifest 404 -", "ping 200 -", "manifest 401 basic"])
      assert.isTrue(Result.isSuccess(yield* pull()))
      assert.deepStrictEqual(yield* requestLog, ["manifest 200 -", "blob 200 -"])
      yield* registry.injectFaults("manifest", { _tag: "Status", status: 404 })
      assert.strictEqual(reason(yield* pull())["_tag"], "Refused")
      assert.deepStrictEqual(yield* requestLog, ["manifest 404 -", "ping 200 -"])
    })
  )

  it.effect(
    "credentials that were withheld are sent at the next request",
    Effect.fn(function* () {
      const { pull, registry } = yield* setUp(bearer({ redirectTokens: { status: 307, to: "other" } }))
      assert.deepInclude(reason(yield* pull()), { _tag: "TokenRefused", login: "withheld" })
      yield* registry.setAuth(bearer())
      assert.isTrue(Result.isSuccess(yield* pull()))
    })
  )

  it.effect(
    "a cached token of a redirect's target that is refused is replaced once",
    Effect.fn(function* () {
      const redirect = { _tag: "Store", tokens: "issued" } as const
      const { pull, registry, requestLog } = yield* setUp({ _tag: "None" }, redirect)
      yield* pull()
      yield* requestLog
      const challenge = 'Bearer realm="https://store.test/token",service="store",scope="repository:any:pull"'
      const refusal = { _tag: "Status", status: 401, headers: { "www-authenticate": challenge } } as const
      yield* registry.injectFaults("store", refusal, { times: 2 })
      assert.isTrue(Result.isSuccess(yield* pull()))
      assert.deepStrictEqual(yield* requestLog, [
        "manifest 200 -",
        "blob 307 -",
        "store 401 -",
        "store 401 bearer",
        "other token 200 -",
        "store 200 bearer"
      ])
      yield* registry.injectFaults("store", refusal, { times: "always" })
      assert.strictEqual(reason(yield* pull())["_tag"], "LoginElsewhere")
      assert.deepStrictEqual((yield* requestLog).slice(2), [
        "store 401 -",
        "store 401 bearer",
        "other token 200 -",
        "store 401 bearer"
      ])
    })
  )

  it.effect(
    "a registry token is sent once, whatever the challenge",
    Effect.fn(function* () {
      const { pull, requestLog } = yield* setUp(bearer())
      const token: Credential = { _tag: "RegistryToken", token: Redacted.make("another") }
      assert.deepInclude(reason(yield* pull(token)), { _tag: "Refused", status: 401 })
      assert.deepStrictEqual(yield* requestLog, ["manifest 401 bearer"])
    })
  )

  it.effect(
    "the password is not sent after a POST that fails with a retryable status",
    Effect.fn(function* () {
      const { pull, registry, requestLog } = yield* setUp(bearer({ identityToken: "refresh-me" }))
      yield* registry.injectFaults("token", { _tag: "Status", status: 429, headers: { "retry-after": "60" } })
      const credential: Credential = { ...identityToken, login }
      assert.deepInclude(reason(yield* pull(credential)), { _tag: "Unavailable", status: 429 })
      assert.deepStrictEqual(yield* requestLog, ["manifest 401 -", "token POST 429 -"])
    })
  )

  it.effect(
    "a /v2/ that fails with a retryable status is requested again",
    Effect.fn(function* () {
      const { pull, registry, requestLog } = yield* setUp(basic({ hideWith: 404 }))
      yield* registry.injectFaults("ping", { _tag: "Status", status: 503 })
      const fiber = yield* Effect.forkChild(pull())
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
      assert.isTrue(Result.isSuccess(yield* Fiber.join(fiber)))
      assert.deepStrictEqual(yield* requestLog, [
        "manifest 404 -",
        "ping 503 -",
        "manifest 404 -",
        "ping 401 -",
        ...pulledByBasic
      ])
    })
  )

  it.effect(
    "a redirect of /v2/ is followed on the registry's own origin only",
    Effect.fn(function* () {
      for (const [location, expected] of [
        ["/v2", ["manifest 404 -", "ping 307 -", "ping 401 -", "token 200 basic", ...pulledByBearer]],
        [
          "https://store.test/v2/",
          ["manifest 404 -", "ping 307 -", "manifest 401 basic", "token 200 basic", ...pulledByBearer]
        ]
      ] as const) {
        const { pull, registry, requestLog } = yield* setUp(bearer({ hideWith: 404 }))
        yield* registry.injectFaults("ping", { _tag: "Status", status: 307, headers: { location } })
        assert.isTrue(Result.isSuccess(yield* pull()))
        assert.deepStrictEqual(yield* requestLog, [...expected])
      }
    })
  )
})

const refusals: ReadonlyArray<Omit<Row, "sameIn"> & { readonly reason: Readonly<Record<string, unknown>> }> =
  [
    {
      situation: "a manifest that does not exist",
      auth: { _tag: "None" },
      requestLog: ["manifest 404 -", "ping 200 -", "manifest 404 basic"],
      reason: { _tag: "ManifestNotFound" }
    },
    {
      situation: "a wrong password",
      auth: basic({ password: "another" }),
      requestLog: ["manifest 401 -", "manifest 401 basic"],
      reason: { _tag: "Refused", status: 401 }
    },
    {
      situation: "a wrong password at the token service",
      auth: bearer({ password: "another" }),
      requestLog: ["manifest 401 -", "token 401 basic"],
      reason: { _tag: "TokenRefused", status: 401, login: "password" }
    },
    {
      situation: "no login",
      auth: basic(),
      credential: { _tag: "Anonymous" },
      requestLog: ["manifest 401 -"],
      reason: { _tag: "AnonymousRefused", status: 401, hasOnlyIdentityToken: false }
    },
    {
      situation: "no login, and 403",
      auth: basic({ hideWith: 403 }),
      credential: { _tag: "Anonymous" },
      requestLog: ["manifest 403 -"],
      reason: { _tag: "AnonymousRefused", status: 403 }
    },
    {
      situation: "no login, and 404",
      auth: basic({ hideWith: 404 }),
      credential: { _tag: "Anonymous" },
      requestLog: ["manifest 404 -"],
      reason: { _tag: "ManifestNotFound", isAnonymous: true }
    },
    {
      situation: "only an identity token, where Basic is required",
      auth: basic(),
      credential: identityToken,
      requestLog: ["manifest 401 -"],
      reason: { _tag: "AnonymousRefused", hasOnlyIdentityToken: true }
    },
    {
      situation: "only an identity token, which POST refuses",
      auth: bearer({ refusePostWith: 405 }),
      credential: identityToken,
      requestLog: ["manifest 401 -", "token POST 405 -"],
      reason: {
        _tag: "TokenRefused",
        status: 405,
        login: "identity token",
        otherServer: { role: "token", host: "registry.test" }
      }
    },
    {
      situation: "an identity token that would be redirected to another origin",
      auth: bearer({ identityToken: "refresh-me", redirectTokens: { status: 307, to: "other" } }),
      credential: identityToken,
      requestLog: ["manifest 401 -", "token POST 307 -", "other token 401 -"],
      reason: {
        _tag: "TokenRefused",
        login: "withheld",
        otherServer: { role: "token redirect", host: "store.test" }
      }
    },
    {
      situation: "a blob store that is a registry and requires a login",
      auth: { _tag: "None" },
      redirect: { _tag: "Store", tokens: "refused" },
      requestLog: ["manifest 200 -", "blob 307 -", "store 401 -", "other token 401 -"],
      reason: { _tag: "LoginElsewhere", status: 401, otherServer: { role: "redirect", host: "store.test" } }
    },
    {
      situation: "a URL that has expired",
      auth: { _tag: "None" },
      redirect: { _tag: "To", location: "https://store.test/store/some/packages/x?signature=old" },
      requestLog: ["manifest 200 -", "blob 307 -", "store 403 -"],
      reason: { _tag: "AddressRefused", status: 403, otherServer: { role: "redirect", host: "store.test" } }
    }
  ]

describe("a refusal names the server that refused", () => {
  for (const { auth, credential, reason: expected, redirect, situation, requestLog: steps } of refusals) {
    it.effect(
      situation,
      Effect.fn(function* () {
        const { pull, registry, requestLog } = yield* setUp(auth, redirect)
        if (situation === "a manifest that does not exist")
          yield* registry.injectFaults("manifest", { _tag: "Status", status: 404 }, { times: "always" })
        const result = yield* pull(credential)
        assert.deepStrictEqual(yield* requestLog, steps)
        assert.deepInclude(reason(result), expected)
        assert.isTrue(Option.isSome(Result.getFailure(result)))
      })
    )
  }
})
