import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as DigestCacheLive from "@registry-packages-proxy/digest-cache/DigestCacheLive"
import * as NodeUpstream from "@registry-packages-proxy/registry-client/NodeUpstream"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Effect, type FileSystem, Layer, type Path } from "effect"
import { HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import { layerPlain } from "./http/Listener.ts"
import type { Settings } from "./Settings.ts"

/** The platform services that files are reached through. */
export type Platform = FileSystem.FileSystem | Path.Path

/** What one program is made of besides its settings. */
export interface Environment {
  /** Where HTTP_PROXY, HTTPS_PROXY and NO_PROXY are looked up. */
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** Packages kept on disk, or nothing kept. */
export const layerCache = (settings: Settings): Layer.Layer<DigestCache, never, Platform> =>
  settings.disableCache
    ? DigestCacheLive.layerDisabled
    : DigestCacheLive.layer({ directory: settings.cacheDirectory, cap: settings.cacheRetentionSize })

/** Registry sources from the credentials files. */
export const layerCredentials = (settings: Settings): Layer.Layer<CredentialStore, never, Platform> =>
  CredentialStore.layerFiles(settings.credentialsFiles)

/** Upstream registries over the network. */
export const layerRegistry = ({ variables }: Environment): Layer.Layer<RegistryClient> =>
  RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer({ environment: variables })))

/**
 * The program without its ports: the HTTP API listening, over whatever cache, credentials and registry are provided.
 * Compose it with mock layers to test against it; `HttpServer` tells the address that was bound.
 */
export const layerServer = (
  settings: Settings
): Layer.Layer<HttpServer.HttpServer, ServeError, DigestCache | CredentialStore | RegistryClient> =>
  Layer.unwrap(
    Effect.map(
      // Settings that listen nowhere are refused before a program is made of them.
      Effect.orDie(Effect.fromOption(settings.listenAddress)),
      (listenAddress) =>
        layerPlain({
          listen: listenAddress.listenOptions,
          platform: settings.platform,
          gracePeriod: settings.shutdownGracePeriod
        })
    )
  ).pipe(HttpServer.withLogAddress)

/** The whole program. */
export const layer = (settings: Settings, environment: Environment) =>
  layerServer(settings).pipe(
    Layer.provide([layerCache(settings), layerCredentials(settings), layerRegistry(environment)])
  )
