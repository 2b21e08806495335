import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as DigestCacheLive from "@registry-packages-proxy/digest-cache/DigestCacheLive"
import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as NodeApiServer from "@registry-packages-proxy/kubernetes/NodeApiServer"
import * as NodeUpstream from "@registry-packages-proxy/registry-client/NodeUpstream"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Effect, FileSystem, Layer, Option, type Path } from "effect"
import { HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import { layerPlain } from "./http/Listener.ts"
import type { Settings } from "./Settings.ts"

/** The platform services that files are reached through. */
export type Platform = FileSystem.FileSystem | Path.Path

/** What one program is made of besides its settings. */
export interface Environment {
  /** Where HTTP_PROXY, HTTPS_PROXY and NO_PROXY are looked up, and what a pod is told of its API server. */
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** Packages kept on disk, or nothing kept. */
export const layerCache = (settings: Settings): Layer.Layer<DigestCache, never, Platform> =>
  settings.disableCache
    ? DigestCacheLive.layerDisabled
    : DigestCacheLive.layer({ directory: settings.cacheDirectory, cap: settings.cacheRetentionSize })

/**
 * The API server that the settings or this pod's environment name. A pod without a service account's token that was given
 * credentials files is to do without one.
 */
export const cluster = Effect.fnUntraced(function* (settings: Settings, { variables }: Environment) {
  if (Option.isSome(settings.kubeconfig)) {
    return Option.some(ClusterLocation.kubeconfig(settings.kubeconfig.value))
  }
  const own = ClusterLocation.inCluster(variables)
  if (Option.isNone(own) || settings.credentialsFiles.length === 0) return own
  const fs = yield* FileSystem.FileSystem
  const token = Effect.orElseSucceed(fs.exists(ClusterLocation.tokenFile(own.value)), () => false)
  return (yield* token) ? own : Option.none<ClusterLocation.ClusterLocation>()
})

/** An API server over the network. */
export const layerKubernetes = (location: ClusterLocation.ClusterLocation): Layer.Layer<KubernetesApi> =>
  KubernetesApi.layer.pipe(Layer.provide(NodeApiServer.layer(location)))

/** Registry sources from the API server, where there is one, and the credentials files; says which. */
export const layerCredentials = (
  settings: Settings,
  environment: Environment
): Layer.Layer<CredentialStore, never, Platform> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const files = settings.credentialsFiles
      const location = yield* cluster(settings, environment)
      const origins = [...files, ...Option.toArray(Option.map(location, ClusterLocation.describe))]
      yield* Effect.logInfo(`Registry credentials come from ${origins.join(", then ")}`)
      return Option.match(location, {
        onNone: () => CredentialStore.layerFiles(files),
        onSome: (location) => CredentialStore.layerWatch(files).pipe(Layer.provide(layerKubernetes(location)))
      })
    })
  )

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
    Layer.provide([layerCache(settings), layerCredentials(settings, environment), layerRegistry(environment)])
  )
