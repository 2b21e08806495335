import { assert, describe, it } from "@effect/vitest"
import { ManifestError, NoLayers } from "@registry-packages-proxy/oci/ManifestError"
import * as Errors from "@registry-packages-proxy/registry-client/RegistryError"
import { messageTexts } from "@registry-packages-proxy/credential-store/kinds/Kinds"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Effect, Option } from "effect"
import { routes } from "../../src/http/request/Routes.ts"
import { bytes, problemOf, repository, start, type Started, withPlatform } from "../http/ProxyHarness.ts"

const digest = `sha256:${"0".repeat(64)}`

type Response = Effect.Success<ReturnType<Started["request"]>>

const assertProblem = (response: Response, status: number, expected: string) => {
  const problem = problemOf(response)
  assert.strictEqual(response.status, status)
  assert.strictEqual(problem.status, status)
  assert.strictEqual(problem.type, "about:blank")
  assert.strictEqual(response.headers["content-type"], "application/problem+json")
  assert.strictEqual(response.headers["cache-control"], "no-store")
  assert.include(problem.detail.slice(0, 200), expected)
}

const store = { role: "redirect", host: "store.test" } as const

describe("problems", () => {
  it.effect("400 for missing, malformed or repeated parameters, before any other check", () =>
    withPlatform(
      Effect.gen(function* () {
        const proxy = yield* start()
        for (const [query, expected] of [
          ["", "digest is missing"],
          ["?digest=sha256:abc", "digest is malformed"],
          [`?digest=${digest}&repository=nonsense`, "repository is malformed"],
          [`?digest=${digest}&path=../up`, "path is malformed"],
          [`?digest=${digest}&digest=${digest}`, "more than once"]
        ] as const) {
          assertProblem(yield* proxy.request(`/package${query}`), 400, expected)
        }
        assert.strictEqual(yield* proxy.registry.callCount("resolve"), 0)
      })
    )
  )

  it.effect("400 for wrong parameters even if the digest is cached", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(10))
        const proxy = yield* start({ images: [image] })
        yield* proxy.package(image.digest)
        const response = yield* proxy.request(`/package?digest=${image.digest}&path=A`)
        assertProblem(response, 400, "path is malformed")
      })
    )
  )

  it.effect("400 for a path that makes the repository's name too long or invalid", () =>
    withPlatform(
      Effect.gen(function* () {
        const proxy = yield* start({
          credentials: { sources: { "": CredentialStoreMock.registrySource({ host: "registry.test" }) } }
        })
        assertProblem(yield* proxy.request(`/package?digest=${digest}`), 400, "not a valid repository name")
        const long = yield* start()
        assertProblem(
          yield* long.request(`/package?digest=${digest}&repository=${repository}&path=${"a".repeat(250)}`),
          400,
          "not a valid repository name"
        )
      })
    )
  )

  it.effect("404 for an unknown path with any method or spelling, with a list of paths", () =>
    withPlatform(
      Effect.gen(function* () {
        const proxy = yield* start()
        const [first = ""] = Object.values(routes).map(({ path, query }) => path + query)
        const expected = `No such path. The paths are ${first}, `
        for (const path of ["/", "/packages", "/package/", "//package", "/Package", "/%70ackage"]) {
          assertProblem(yield* proxy.request(path), 404, expected)
        }
        const posted = yield* proxy.request("/nothing", { method: "POST" })
        for (const { path } of Object.values(routes)) assertProblem(posted, 404, path)
      })
    )
  )

  it.effect("404 for a manifest the registry does not have, and for an unknown repository", () =>
    withPlatform(
      Effect.gen(function* () {
        const proxy = yield* start()
        assertProblem(yield* proxy.package(digest), 404, "has no such manifest or repository")
        const unknown = yield* proxy.request(`/package?digest=${digest}&repository=other.test/a`)
        assertProblem(unknown, 404, `no ${messageTexts.repositoryKinds} names it`)
      })
    )
  )

  it.effect("404 if the index has nothing for the platform, with the platforms it has", () =>
    withPlatform(
      Effect.gen(function* () {
        const index = RegistryImage.index([
          { image: RegistryImage.ofPackage(bytes(1)), platform: "linux/arm64" }
        ])
        const proxy = yield* start({ images: [index] })
        assertProblem(yield* proxy.package(index.digest), 404, "nothing for linux/amd64; it has linux/arm64")
      })
    )
  )

  it.effect("405 with Allow for other methods on a known path", () =>
    withPlatform(
      Effect.gen(function* () {
        const proxy = yield* start()
        for (const path of ["/package", "/healthz", "/readyz", "/metrics"]) {
          const response = yield* proxy.request(path, { method: "POST", body: "x" })
          assertProblem(response, 405, "GET and HEAD")
          assert.strictEqual(response.headers["allow"], "GET, HEAD")
        }
      })
    )
  )

  it.effect("502, 503 and 504 for failures of the registry", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(10))
        const proxy = yield* start({ images: [image] })
        for (const [reason, status, expected] of [
          [new Errors.Refused({ status: 401 }), 502, "refused our credentials (401)"],
          [
            new Errors.AnonymousRefused({ status: 403, hasOnlyIdentityToken: false }),
            502,
            "refused a request without a login (403)"
          ],
          [
            new Errors.TokenRefused({
              status: 401,
              otherServer: { role: "token", host: "auth.test" },
              login: "password"
            }),
            502,
            "auth.test, the token service of registry.test, refused our credentials (401)"
          ],
          [
            new Errors.AddressRefused({ status: 403, otherServer: store }),
            502,
            "store.test, to which registry.test redirects, refused the address (403)"
          ],
          [
            new Errors.LoginElsewhere({ status: 401, otherServer: store }),
            502,
            "credentials of its own (401)"
          ],
          [new Errors.UnexpectedStatus({ status: 500 }), 502, "answered 500"],
          [
            new Errors.UnexpectedStatus({ status: 500, otherServer: store }),
            502,
            "store.test, to which registry.test redirects, answered 500"
          ],
          [new Errors.ConnectionFailed({ kind: "dns", detail: "no such host" }), 502, "no such host"],
          [new Errors.BadRedirect({ detail: "in a circle" }), 502, "in a circle"],
          [new Errors.InvalidResponse({ detail: "nonsense" }), 502, "nonsense"],
          [new ManifestError({ reason: new NoLayers({}) }), 502, "no layers"],
          [new Errors.BlobNotFound({}), 502, "not the layer it names"],
          [
            new Errors.Unavailable({ status: 429, retryAfter: Option.some(7) }),
            503,
            "accepts no requests now (429)"
          ],
          [new Errors.TimedOut({ phase: "connect" }), 504, "could not be connected to"],
          [new Errors.TimedOut({ phase: "headers" }), 504, "did not begin its response"],
          [
            new Errors.TimedOut({ phase: "connect", otherServer: { role: "token", host: "auth.test" } }),
            504,
            "auth.test, the token service of registry.test, could not be connected to"
          ]
        ] as const) {
          yield* proxy.registry.injectFaults("resolve", { _tag: "Fail", reason })
          const response = yield* proxy.package(image.digest)
          assertProblem(response, status, expected)
          if (status === 503) assert.strictEqual(response.headers["retry-after"], "7")
        }
        assert.strictEqual((yield* proxy.package(image.digest)).status, 200)
      })
    )
  )

  it.effect("502 if a small package's bytes do not match its digest", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(1000))
        const wrong = {
          ...image,
          blobs: image.blobs.map((blob) =>
            blob.digest === image.layer?.digest
              ? { ...RegistryBlob.fromBytes(bytes(1000)), digest: blob.digest }
              : blob
          )
        }
        const proxy = yield* start({ images: [wrong] })
        assertProblem(yield* proxy.package(image.digest), 502, "do not match the layer's digest")
      })
    )
  )

  it.effect("503 while credentials are not read or not watched, 502 if they are invalid", () =>
    withPlatform(
      Effect.gen(function* () {
        const request = `/package?digest=${digest}&repository=other.test/a`
        const waiting = yield* start({ credentials: { waitingFor: ["module-sources"] } })
        const notSynced = yield* waiting.request(request)
        assertProblem(notSynced, 503, "waiting for: module-sources")
        assert.strictEqual(notSynced.headers["retry-after"], "5")
        const stale = yield* start({ credentials: { upToDate: false } })
        assertProblem(yield* stale.request(request), 503, "a source of credentials is unavailable now")
        const broken = yield* start({
          credentials: {
            unreadable: {
              "other.test/a": { sourceObject: "ModuleSource x", detail: "its dockerCfg is no base64" }
            }
          }
        })
        assertProblem(yield* broken.request(request), 502, "ModuleSource x cannot be read")
      })
    )
  )
})
