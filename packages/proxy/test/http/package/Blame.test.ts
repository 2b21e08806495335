import { assert, describe, it } from "@effect/vitest"
import { asProxyFailure, proxyAuthenticationRequired } from "@registry-packages-proxy/node-net/connect/Tunnel"
import {
  type ConnectionFailure,
  fromCode,
  connectTimedOut
} from "@registry-packages-proxy/node-net/ConnectionFailure"
import { parseProxy } from "@registry-packages-proxy/node-net/proxy/Proxy"
import { anonymous, type Credential } from "@registry-packages-proxy/domain/Credential"
import { shortDigest } from "@registry-packages-proxy/oci/Digest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Upstream } from "@registry-packages-proxy/registry-client/Upstream"
import type { Fault, ServedOperation } from "@registry-packages-proxy/testkit/registry/Fault"
import type { RegistryAuth } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import type { RegistryRedirect } from "@registry-packages-proxy/testkit/registry/RegistryRules"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect, Fiber, Layer, Redacted, Result, Stream } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { readFileSync } from "node:fs"
import { fromPullError } from "../../../src/http/package/ErrorProblems.ts"

const text = readFileSync(new URL("../../../../../docs/registries.md", import.meta.url), "utf8")

/** The rows of the table of failures in docs/registries.md. */
const rows = (/^## When a registry does not answer$(.*?)(?=^## |(?![\s\S]))/ms.exec(text)?.[1] ?? "")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| what happened"))
  .map((line) => {
    const [happened = "", status = "", detail = "", advice = ""] = line.slice(2, -2).split(" | ")
    return { happened, status: Number(status), detail, advice }
  })

const name = RepositoryName.make("some/packages")
const content = RegistryBlob.randomBytes(3, 1000)
const plain = RegistryImage.ofPackage(content)
const foreign = RegistryImage.withForeignLayer(RegistryBlob.fromBytes(content))
const sizeless = RegistryImage.ofBytes(
  new TextDecoder().decode(plain.bytes).replace(/"size": 1000/, '"size": 0')
)
const account = { username: "user", password: "s3cret" }
const login: Credential = { _tag: "Basic", username: "user", password: Redacted.make("s3cret") }
const identityToken: Credential = { _tag: "IdentityToken", token: Redacted.make("refresh-me") }

const forwardProxy = Result.getOrThrow(parseProxy("http://user:pass@proxy.test", "HTTPS_PROXY"))

const basic: RegistryAuth = { _tag: "Basic", ...account }
const bearer: RegistryAuth = { _tag: "Bearer", ...account }

interface Situation {
  readonly auth?: RegistryAuth
  readonly redirect?: RegistryRedirect
  readonly credential?: Credential
  readonly image?: RegistryImage.RegistryImage
  readonly faults?: ReadonlyArray<readonly [ServedOperation, Fault | ReadonlyArray<Fault>]>
  /** True if the registry does not have the layer's blob. */
  readonly isWithoutBlob?: boolean
  /** The host to which all requests fail with `failure`. */
  readonly unreachable?: readonly [host: string, failure: ConnectionFailure]
  /** The host that never responds. */
  readonly silentHost?: string
}

const status = (status: number, headers: Readonly<Record<string, string>> = {}): Fault => ({
  _tag: "Status",
  status,
  headers
})

/** The situations of the table in docs/registries.md. Each key is the first column of a row. */
const situations: Readonly<Record<string, Situation>> = {
  "the registry refuses name and password (401)": { auth: { ...basic, password: "another" } },
  "the account may not pull from the registry (403)": {
    auth: { ...basic, password: "another", refuseWith: 403 }
  },
  "a token that our credentials got is refused twice (401)": { auth: { ...bearer, refuseFirst: 2 } },
  "no login is configured, and the registry requires one (401)": { auth: basic, credential: anonymous },
  "no login is configured, and the registry says 403": {
    auth: { ...basic, hideWith: 403 },
    credential: anonymous
  },
  "no login is configured, and the registry refuses the anonymous token (401)": {
    auth: { ...bearer, anonymous: true, refuseFirst: 2 },
    credential: anonymous
  },
  "an identity token alone is configured, and the registry wants name and password": {
    auth: basic,
    credential: identityToken
  },
  "the token service refuses name and password (401)": { auth: { ...bearer, password: "another" } },
  "the token service refuses the identity token (400)": {
    auth: { ...bearer, refusePostWith: 400 },
    credential: identityToken
  },
  "the token service wants a login, and none is configured (401)": { auth: bearer, credential: anonymous },
  "the token service redirects to another one, which wants a login": {
    auth: { ...bearer, redirectTokens: { status: 307, to: "other" } }
  },
  "the token service does not exist (404)": { auth: bearer, faults: [["token", status(404)]] },
  "the token service sends an invalid response": {
    auth: bearer,
    faults: [["token", { _tag: "Body", body: "<html>" }]]
  },
  "the registry names a token service on plain HTTP": {
    auth: { ...bearer, realmUrl: "http://registry.test/token" }
  },
  "a blob store refuses the address it was redirected to (403)": {
    redirect: { _tag: "Store" },
    faults: [["store", status(403)]]
  },
  "the registry redirects to another registry, which wants a login": {
    redirect: { _tag: "Store", tokens: "refused" }
  },
  "a blob store fails (500)": { redirect: { _tag: "Store" }, faults: [["store", status(500)]] },
  "a blob store does not have the blob (404)": {
    redirect: { _tag: "Store" },
    faults: [["store", status(404)]]
  },
  "the manifest is not there, a login was sent": { auth: basic, faults: [["manifest", status(404)]] },
  "the manifest is not there, no login was sent": {
    credential: anonymous,
    faults: [["manifest", status(404)]]
  },
  "the blob is not there": { isWithoutBlob: true },
  "the last layer is foreign, and the registry does not hold it": { image: foreign },
  "neither the manifest nor the registry says the layer's size, and it is large": {
    image: sizeless,
    faults: [["blob", [{ _tag: "Endless" }, { _tag: "IgnoreRange" }]]]
  },
  "the registry fails (500)": { faults: [["manifest", status(500)]] },
  "the registry is overloaded (429, 503)": {
    faults: [["manifest", status(429, { "retry-after": "60" })]]
  },
  "the registry redirects in a circle": { redirect: { _tag: "Loop" } },
  "nothing listens at the registry's address": { unreachable: ["registry.test", fromCode("ECONNREFUSED")] },
  "nothing listens at the token service's address": {
    auth: { ...bearer, realmListener: "store" },
    unreachable: ["store.test", fromCode("ECONNREFUSED")]
  },
  "no trusted authority signed the registry's certificate": {
    unreachable: ["registry.test", fromCode("UNABLE_TO_VERIFY_LEAF_SIGNATURE")]
  },
  "the forward proxy refuses the credentials of its address (407)": {
    unreachable: ["registry.test", proxyAuthenticationRequired(forwardProxy)]
  },
  "nothing listens at the forward proxy's address": {
    redirect: { _tag: "Store" },
    unreachable: ["store.test", asProxyFailure(forwardProxy)(fromCode("ECONNREFUSED"))]
  },
  "the forward proxy is silent": {
    unreachable: ["registry.test", asProxyFailure(forwardProxy)(connectTimedOut)]
  },
  "the registry is silent": { silentHost: "registry.test" }
}

/**
 * Returns a copy of `upstream` in which requests to the host `unreachable` fail, and requests to `silentHost` get no
 * response.
 */
const withOutages = (
  upstream: Upstream["Service"],
  { silentHost, unreachable }: Situation
): Upstream["Service"] =>
  Upstream.of({
    client: (target) =>
      Effect.map(upstream.client(target), (client) =>
        target.host === silentHost
          ? HttpClient.make(() => Effect.never)
          : unreachable === undefined || target.host !== unreachable[0]
            ? client
            : HttpClient.make((request) =>
                Effect.fail(
                  new HttpClientError.HttpClientError({
                    reason: new HttpClientError.TransportError({ request, cause: unreachable[1] })
                  })
                )
              )
      )
  })

/** Pulls a package in this situation, and returns the problem that the client gets. */
const problemIn = Effect.fnUntraced(function* (situation: Situation) {
  const { auth = { _tag: "None" }, credential = login, faults = [], image = plain, redirect } = situation
  const { registry, upstream } = yield* TestRegistry.makeWithoutNetwork({
    auth,
    ...(redirect === undefined ? {} : { redirect })
  })
  yield* registry.put(name, plain)
  yield* registry.put(name, image)
  const isOfPlain = situation.isWithoutBlob === true || image === foreign
  if (isOfPlain && plain.layer !== undefined) yield* registry.remove(name, plain.layer.digest)
  for (const [operation, fault] of faults) yield* registry.injectFaults(operation, fault, { times: "always" })
  const pull = RegistryClient.use((client) =>
    Effect.gen(function* () {
      const repository = { source: registry.source("", { credential }), name }
      const layer = yield* client.resolve(repository, image.digest, Platform.make("linux/amd64"))
      yield* Stream.runDrain(client.blob(repository, layer, 0))
    })
  ).pipe(
    Effect.provide(
      Layer.fresh(RegistryClient.layer).pipe(
        Layer.provide(Layer.succeed(Upstream, withOutages(upstream, situation)))
      )
    )
  )
  const fiber = yield* Effect.forkChild(Effect.flip(pull))
  yield* TestClock.adjust("2 minutes")
  return fromPullError(yield* Fiber.join(fiber))
})

describe("docs/registries.md, when a registry does not answer", () => {
  it("has exactly one row for each situation here", () => {
    assert.deepStrictEqual(
      rows.map(({ happened }) => happened),
      Object.keys(situations)
    )
    for (const { advice, happened } of rows) assert.isNotEmpty(advice, happened)
  })

  for (const { detail, happened, status } of rows) {
    it.effect(
      `${happened}: ${status}`,
      Effect.fn(function* () {
        const problem = yield* problemIn(situations[happened] ?? {})
        const digest = plain.layer === undefined ? "" : shortDigest(plain.layer.digest)
        const expected = detail
          .replaceAll("HOST", "registry.test")
          .replaceAll("OTHER", "store.test")
          .replaceAll("DIGEST", digest)
        assert.deepStrictEqual(
          [problem.status, problem.detail],
          [status, expected],
          "the problem differs from docs/registries.md: correct the row there"
        )
      })
    )
  }

  it("blames the credentials only if the server that refused had received them", () => {
    const blameProxy = rows.filter(({ detail }) => detail.includes("refused our credentials"))
    assert.deepStrictEqual(
      blameProxy.map(({ happened }) => happened),
      [
        "the registry refuses name and password (401)",
        "the account may not pull from the registry (403)",
        "a token that our credentials got is refused twice (401)",
        "the token service refuses name and password (401)",
        "the token service refuses the identity token (400)"
      ]
    )
  })
})
