import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Digest } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import type { PackageDescriptor } from "@registry-packages-proxy/domain/PackageDescriptor"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { ManifestNotFound, RegistryError } from "@registry-packages-proxy/registry-client/RegistryError"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { Effect, Layer, Option, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpServer } from "effect/http"
import * as ListenAddress from "../src/config/ListenAddress.ts"
import * as Program from "../src/Program.ts"
import * as Settings from "../src/config/Settings.ts"

// This file composes registry-packages-proxy from the real HTTP server, a simple cache, and a registry client of two
// functions. testkit's RegistryClientMock also has faults, stalls and counters.

const content = new TextEncoder().encode("this would be a tar")
const image = Digest.make(`sha256:${"1".repeat(64)}`)

const registry = Layer.succeed(
  RegistryClient,
  RegistryClient.of({
    resolve: (repository, manifestDigest) =>
      manifestDigest === image
        ? Effect.succeed({
            layerDigest: digestOf(content),
            size: content.length,
            compression: "gzip",
            viaIndex: false
          })
        : Effect.fail(
            new RegistryError({ registry: repository.source.host, reason: new ManifestNotFound({}) })
          ),
    blob: (_repository, _layer, offset) => Stream.succeed(content.subarray(offset))
  })
)

const credentials = CredentialStoreMock.layer({
  sources: { "": CredentialStoreMock.registrySource({ host: "registry.test", repositoryPrefix: "packages" }) }
})

const settings: Settings.Settings = {
  ...Settings.defaults,
  listenAddress: Option.some(new ListenAddress.ListenAddress({ host: Option.some("127.0.0.1"), port: 0 }))
}

const layerOf = (cache: Layer.Layer<DigestCache>) =>
  Program.layerServer(settings).pipe(
    Layer.provide([registry, credentials, cache]),
    Layer.provideMerge(FetchHttpClient.layer),
    Layer.provide(NodeServices.layer)
  )

// `DigestCache` has three members. This cache is a map, and does not coalesce concurrent requests.
const cache = Layer.sync(DigestCache, () => {
  const kept = new Map<string, { readonly descriptor: PackageDescriptor; readonly bytes: Uint8Array }>()
  return DigestCache.of({
    peek: ({ manifestDigest }, resolve) => {
      const found = kept.get(manifestDigest)
      return found === undefined
        ? Effect.map(resolve, (descriptor) => ({ descriptor, cacheResult: "miss" }))
        : Effect.succeed({ descriptor: found.descriptor, cacheResult: "hit" })
    },
    open: Effect.fnUntraced(function* ({ manifestDigest }, source) {
      const found = kept.get(manifestDigest)
      const descriptor = found?.descriptor ?? (yield* source.resolve)
      const bytes = found?.bytes ?? Buffer.concat(yield* Stream.runCollect(source.blob(descriptor, 0)))
      kept.set(manifestDigest, { descriptor, bytes })
      return {
        descriptor,
        cacheResult: found === undefined ? "miss" : "hit",
        acceptsRanges: true,
        body: (start, end) => ({ _tag: "Bytes", bytes: bytes.subarray(start, end) })
      }
    }),
    degraded: Effect.succeed(false)
  })
})

it.layer(layerOf(cache))((it) => {
  it.effect("a program composed with a mock cache serves its packages", () =>
    HttpServer.addressFormattedWith((origin) =>
      Effect.gen(function* () {
        for (const status of ["fwd=miss; stored", "hit"]) {
          const response = yield* HttpClient.get(`${origin}/package?digest=${image}`, {
            headers: { range: "bytes=5-9" }
          })
          assert.strictEqual(yield* response.text, "would")
          assert.strictEqual(response.headers["cache-status"], `registry-packages-proxy; ${status}`)
        }
      })
    )
  )
})

it.layer(layerOf(DigestCache.layerDisabled))((it) => {
  it.effect("a program composed with a mock registry serves its packages", () =>
    HttpServer.addressFormattedWith((origin) =>
      Effect.gen(function* () {
        const found = yield* HttpClient.get(`${origin}/package?digest=${image}`)
        assert.strictEqual(yield* found.text, "this would be a tar")
        assert.strictEqual(found.headers["cache-status"], "registry-packages-proxy; fwd=bypass")
        const missing = yield* HttpClient.get(`${origin}/package?digest=sha256:${"2".repeat(64)}`)
        assert.strictEqual(missing.status, 404)
      })
    )
  )
})
