import * as NodeServices from "@effect/platform-node/NodeServices"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import * as NodeUpstream from "@registry-packages-proxy/registry-client/NodeUpstream"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { nodeRequest } from "@registry-packages-proxy/testkit/wire/NodeRequest"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import {
  TestRegistry,
  type TestRegistryOptions
} from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Context, Duration, Effect, FileSystem, Layer } from "effect"
import { HttpServer } from "effect/http"
import { layerPlain } from "../../src/http/server/Listener.ts"

export const name = "some/packages"
export const content = RegistryBlob.randomBytes(9, 400_000)
export const image = RegistryImage.ofPackage(content)
export const credentials = { username: "user", password: "s3cret" }

/**
 * Starts a test registry that has `image`, and registry-packages-proxy with its cache on disk. All connections use TCP.
 * `changes` replaces properties of the registry source.
 */
export const start = Effect.fnUntraced(function* (
  options: TestRegistryOptions = {},
  changes: Partial<RegistrySource> = {}
) {
  const fs = yield* FileSystem.FileSystem
  const registry = yield* TestRegistry.make(options)
  yield* registry.put(name, image)
  const directory = yield* fs.makeTempDirectoryScoped()
  const context = yield* Layer.build(
    layerPlain({
      listen: { host: "127.0.0.1", port: 0 },
      platform: Platform.make("linux/amd64"),
      gracePeriod: Duration.zero
    }).pipe(
      Layer.provide(DigestCache.layer({ directory, cap: 10_000_000 })),
      Layer.provide(RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer()))),
      Layer.provide(CredentialStoreMock.layer({ sources: { "": registry.source(name, changes) } })),
      Layer.provide(NodeServices.layer)
    )
  )
  const origin = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
  return {
    registry,
    get: (digest: string = image.digest, request: Parameters<typeof nodeRequest>[1] = {}) =>
      nodeRequest(`${origin}/package?digest=${digest}`, request)
  }
})

export const withServices = <E>(body: Effect.Effect<void, E, Effect.Services<ReturnType<typeof start>>>) =>
  Effect.provide(Effect.scoped(body), NodeServices.layer)
