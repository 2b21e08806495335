import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeServices from "@effect/platform-node/NodeServices"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { nodeRequest } from "@registry-packages-proxy/testkit/wire/NodeRequest"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import type { RegistryImage } from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Context, Duration, Effect, FileSystem, Layer, Option, Schema, type Scope } from "effect"
import { HttpServer } from "effect/http"
import { randomBytes } from "node:crypto"
import * as ListenAddress from "../../src/config/ListenAddress.ts"
import * as Program from "../../src/Program.ts"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as Settings from "../../src/config/Settings.ts"

export const repository = "registry.test/modules"

/** Returns random bytes, which do not compress. */
export const bytes = (length: number): Uint8Array => randomBytes(length)

interface Options {
  readonly images?: ReadonlyArray<RegistryImage>
  readonly credentials?: Partial<CredentialStoreMock.CredentialStoreMockOptions>
  readonly settings?: Partial<Settings.Settings>
  /** The file system of the cache. Default: the file system of this machine. */
  readonly files?: Layer.Layer<FileSystem.FileSystem>
}

type Request = NonNullable<Parameters<typeof nodeRequest>[1]> & {
  readonly digest?: string
  readonly query?: string
}

/**
 * Starts registry-packages-proxy on a free port, with its cache on disk. Only the registry client and the credential
 * store are mocks.
 */
export const start = Effect.fnUntraced(function* (options: Options = {}) {
  const fs = yield* FileSystem.FileSystem
  const cacheDirectory = options.settings?.cacheDirectory ?? (yield* fs.makeTempDirectoryScoped())
  const settings = {
    ...Settings.defaults,
    platform: Platform.make("linux/amd64"),
    listenAddress: Option.some(new ListenAddress.ListenAddress({ host: Option.some("127.0.0.1"), port: 0 })),
    shutdownGracePeriod: Duration.seconds(30),
    ...options.settings,
    cacheDirectory
  } as Settings.Settings
  const context = yield* Layer.build(
    Program.layerServer(settings).pipe(
      Layer.provide(Program.layerCache(settings).pipe(Layer.provide(options.files ?? NodeFileSystem.layer))),
      Layer.provideMerge(RegistryClientMock.layer(options.images ?? [])),
      Layer.provide(
        CredentialStoreMock.layer({
          sources: {
            "": CredentialStoreMock.registrySource({ host: "registry.test", repositoryPrefix: "own" }),
            [repository]: CredentialStoreMock.registrySource({
              host: "registry.test",
              repositoryPrefix: "modules"
            })
          },
          ...options.credentials
        })
      ),
      Layer.provide(NodeServices.layer)
    )
  )
  const origin = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
  return {
    origin,
    settings,
    registry: Context.get(context, RegistryClientMock),
    request: (path: string, request: Request = {}) => nodeRequest(`${origin}${path}`, request),
    package: (digest: Digest | string, request: Request = {}) =>
      nodeRequest(
        `${origin}/package?digest=${digest}&repository=${repository}&path=${request.query ?? ""}`,
        request
      )
  }
})

export type Started = Effect.Success<ReturnType<typeof start>>

/** Decodes the problem document (RFC 9457) in a response. Throws if it is malformed. */
export const problemOf = (response: { readonly body: Buffer }) =>
  Schema.decodeUnknownSync(Schema.fromJsonString(Problem))(response.body.toString())

const Problem = Schema.Struct({
  type: Schema.String,
  status: Schema.Int,
  title: Schema.String,
  detail: Schema.String,
  instance: Schema.optionalKey(Schema.String)
})

export const withPlatform = <A, E>(
  effect: Effect.Effect<A, E, Scope.Scope | NodeServices.NodeServices>
): Effect.Effect<A, E, Scope.Scope> => Effect.provide(effect, NodeServices.layer)
