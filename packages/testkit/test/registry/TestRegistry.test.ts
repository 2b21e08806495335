import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as Manifest from "@registry-packages-proxy/oci/Manifest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import * as Certificates from "../../src/machine/Certificates.ts"
import * as ServedResponse from "../../src/registry/ServedResponse.ts"
import * as RegistryBlob from "../../src/images/RegistryBlob.ts"
import * as RegistryImage from "../../src/images/RegistryImage.ts"
import { TestRegistry } from "../../src/registry/TestRegistry.ts"
import { nodeRequest } from "../../src/wire/NodeRequest.ts"

const content = RegistryBlob.randomBytes(1, 100_000)

const withPackage = Effect.fnUntraced(function* (options: Parameters<typeof TestRegistry.make>[0] = {}) {
  const registry = yield* TestRegistry.make(options)
  const image = yield* registry.putPackage("modules/one", content)
  const digest = digestOf(content)
  return {
    registry,
    image,
    manifestUrl: `${registry.origin}/v2/modules/one/manifests/${image.digest}`,
    blobUrl: `${registry.origin}/v2/modules/one/blobs/${digest}`
  }
})

describe("TestRegistry", () => {
  it.effect(
    "serves a manifest that names its blob, and the blob",
    Effect.fn(function* () {
      const { blobUrl, image, manifestUrl, registry } = yield* withPackage()
      const manifest = yield* nodeRequest(manifestUrl)
      assert.strictEqual(manifest.status, 200)
      assert.strictEqual(manifest.headers["docker-content-digest"], image.digest)
      assert.strictEqual(digestOf(manifest.body), image.digest)
      const parsed = Result.getOrThrow(Manifest.parse(manifest.body, manifest.headers["content-type"] ?? ""))
      assert.strictEqual(parsed._tag, "ImageManifest")
      const blob = yield* nodeRequest(blobUrl)
      assert.deepStrictEqual(new Uint8Array(blob.body), content)
      assert.strictEqual(yield* registry.requestCount("manifest"), 1)
      assert.strictEqual(yield* registry.requestCount("blob"), 1)
    })
  )

  it.effect(
    "responds to HEAD with the headers of GET and no body",
    Effect.fn(function* () {
      const { blobUrl } = yield* withPackage()
      const head = yield* nodeRequest(blobUrl, { method: "HEAD" })
      assert.strictEqual(head.headers["content-length"], String(content.length))
      assert.strictEqual(head.body.length, 0)
    })
  )

  it.effect(
    "responds to a Range with 206, or with 416 if the range begins past the end",
    Effect.fn(function* () {
      const { blobUrl } = yield* withPackage()
      const part = yield* nodeRequest(blobUrl, { headers: { range: "bytes=10-19" } })
      assert.strictEqual(part.status, 206)
      assert.strictEqual(part.headers["content-range"], "bytes 10-19/100000")
      assert.deepStrictEqual(new Uint8Array(part.body), content.slice(10, 20))
      const suffix = yield* nodeRequest(blobUrl, { headers: { range: "bytes=-5" } })
      assert.deepStrictEqual(new Uint8Array(suffix.body), content.slice(-5))
      const past = yield* nodeRequest(blobUrl, { headers: { range: "bytes=100000-" } })
      assert.strictEqual(past.status, 416)
      assert.strictEqual(past.headers["content-range"], "bytes */100000")
    })
  )

  it.effect(
    "responds with a distribution-spec error for content that it does not have",
    Effect.fn(function* () {
      const { image, registry } = yield* withPackage()
      const code = (path: string) =>
        Effect.map(nodeRequest(`${registry.origin}${path}`), ({ body, status }) => [status, errorCode(body)])
      assert.deepStrictEqual(yield* code(`/v2/none/manifests/${image.digest}`), [404, "NAME_UNKNOWN"])
      assert.deepStrictEqual(yield* code("/v2/modules/one/manifests/latest"), [404, "MANIFEST_UNKNOWN"])
      assert.deepStrictEqual(yield* code(`/v2/modules/one/blobs/${image.digest}`), [404, "BLOB_UNKNOWN"])
    })
  )

  it.effect(
    "serves an index, its children, and manifests of every kind",
    Effect.fn(function* () {
      const registry = yield* TestRegistry.make()
      const child = RegistryImage.ofPackage(content, { format: "docker", algorithm: "sha512" })
      const index = RegistryImage.index([{ image: child, platform: "linux/arm64/v8" }], { format: "docker" })
      const others = [
        RegistryImage.schema1(RegistryBlob.fromBytes(content)),
        RegistryImage.withForeignLayer(RegistryBlob.fromBytes(content)),
        RegistryImage.image([])
      ]
      for (const image of [index, ...others]) yield* registry.put("all", image, ["latest"])
      for (const image of [index, child, ...others]) {
        const { body, headers } = yield* nodeRequest(`${registry.origin}/v2/all/manifests/${image.digest}`)
        assert.strictEqual(headers["content-type"], image.mediaType)
        assert.strictEqual(digestOf(body, image === child ? "sha512" : "sha256"), image.digest)
      }
    })
  )

  it.effect(
    "generates large blobs while they are read, with the same bytes for every range",
    Effect.fn(function* () {
      const registry = yield* TestRegistry.make()
      const blob = RegistryBlob.generated({ seed: 7, size: 3 * 1024 * 1024 + 17 })
      yield* registry.putPackage("big", blob)
      const url = `${registry.origin}/v2/big/blobs/${blob.digest}`
      const whole = yield* nodeRequest(url)
      assert.strictEqual(digestOf(whole.body), blob.digest)
      const part = yield* nodeRequest(url, { headers: { range: "bytes=1048570-2100000" } })
      assert.deepStrictEqual(part.body, whole.body.subarray(1048570, 2100001))
    })
  )

  it.effect(
    "redirects blobs to another origin that refuses the registry's Authorization",
    Effect.fn(function* () {
      const { blobUrl, registry } = yield* withPackage({ redirect: { _tag: "Store", singleUse: true } })
      const redirect = yield* nodeRequest(blobUrl)
      assert.strictEqual(redirect.status, 307)
      const location = redirect.headers.location ?? ""
      assert.strictEqual(new URL(location).origin, registry.storeOrigin)
      assert.notStrictEqual(registry.storeOrigin, registry.origin)
      assert.strictEqual(
        (yield* nodeRequest(location, { headers: { authorization: "Basic eDp5" } })).status,
        400
      )
      assert.deepStrictEqual(new Uint8Array((yield* nodeRequest(location)).body), content)
      assert.strictEqual((yield* nodeRequest(location)).status, 403)
      const stored = (yield* registry.requests).filter(({ operation }) => operation === "store")
      assert.deepStrictEqual(
        stored.map(({ authScheme }) => authScheme),
        ["basic", undefined, undefined]
      )
    })
  )

  it.effect(
    "serves HTTPS with the given certificate",
    Effect.fn(function* () {
      const authority = yield* Certificates.makeAuthority
      const { blobUrl, registry } = yield* withPackage({ tls: yield* authority.issue() })
      assert.deepStrictEqual(
        new Uint8Array((yield* nodeRequest(blobUrl, { ca: authority.cert })).body),
        content
      )
      assert.strictEqual(registry.source().ca, authority.cert)
      assert.strictEqual(registry.source().scheme, "https")
    })
  )

  it.effect(
    "closes its connections when its scope ends, even in the middle of a response",
    Effect.fn(function* () {
      const scope = yield* Scope.make()
      const { blobUrl, registry } = yield* Scope.provide(withPackage(), scope)
      yield* registry.injectFaults("blob", { _tag: "Endless" })
      const left = yield* Effect.forkChild(nodeRequest(blobUrl))
      yield* registry.await(({ requests }) => requests[0]?.status === 200)
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Effect.exit(Fiber.join(left))
      if (Exit.isSuccess(exit)) assert.isFalse(exit.value.complete)
      assert.strictEqual(yield* Effect.flip(nodeRequest(blobUrl)), "ECONNREFUSED")
    })
  )

  it.effect(
    "logs clients that disconnect, and counts connections",
    Effect.fn(function* () {
      const { blobUrl, registry } = yield* withPackage()
      yield* registry.injectFaults("blob", { _tag: "Endless" })
      yield* nodeRequest(blobUrl, { onData: (received) => received < 300_000 })
      yield* registry.await(
        ({ connections, requests }) => requests[0]?.outcome === "aborted" && connections.open === 0
      )
      assert.isAtLeast((yield* registry.requests)[0]?.sentBytes ?? 0, 300_000)
      assert.strictEqual((yield* registry.activity).connections.accepted, 1)
      yield* registry.clearRequests
      assert.deepStrictEqual(yield* registry.requests, [])
    })
  )

  it.effect(
    "responds by an override, which can call the rules and gets the target as received",
    Effect.fn(function* () {
      const { blobUrl, manifestUrl, registry } = yield* withPackage()
      const targets: Array<string> = []
      yield* registry.setOverride((request, byRules) => {
        targets.push(request.target)
        return request.path.includes("/blobs/") ? ServedResponse.error(451) : byRules()
      })
      assert.strictEqual((yield* nodeRequest(`${blobUrl}?a=%7e'b`)).status, 451)
      assert.strictEqual((yield* nodeRequest(manifestUrl)).status, 200)
      assert.match(targets[0] ?? "", /\?a=%7e/)
    })
  )

  it.effect(
    "sends the bytes of a Location unchanged",
    Effect.fn(function* () {
      const { blobUrl, registry } = yield* withPackage()
      const bytes = Buffer.from("/raw/фу").toString("latin1")
      yield* registry.setRedirect({ _tag: "To", location: bytes })
      const { headers } = yield* nodeRequest(blobUrl)
      assert.strictEqual(headers["location"], bytes)
    })
  )
})

const errorCode = (body: Buffer): unknown => {
  const document = JSON.parse(body.toString()) as {
    readonly errors: ReadonlyArray<{ readonly code: string }>
  }
  return document.errors[0]?.code
}
