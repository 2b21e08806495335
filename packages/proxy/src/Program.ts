import { Authenticator } from "@registry-packages-proxy/access-control/Authenticator"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import * as KubernetesReviews from "@registry-packages-proxy/access-control/KubernetesReviews"
import { type Sources, TlsMaterial } from "@registry-packages-proxy/tls/TlsMaterial"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as DigestCacheLive from "@registry-packages-proxy/digest-cache/DigestCacheLive"
import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import * as NodeUpstream from "@registry-packages-proxy/registry-client/NodeUpstream"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Context, Effect, type FileSystem, Layer, Option, type Path } from "effect"
import { HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import * as NetAddress from "effect/net/NetAddress"
import * as Cluster from "./Cluster.ts"
import { flags } from "./config/Flags.ts"
import { layerPlain, layerSecure, type Services } from "./http/server/Listener.ts"
import type { ListenAddress } from "./config/ListenAddress.ts"
import * as IgnoredFlags from "./config/IgnoredFlags.ts"
import type { Settings } from "./config/Settings.ts"
import { markSecureListener } from "./process/StartFailure.ts"
import { UsageError } from "./config/UsageError.ts"

// Not imported: as a module it evaluates its lazy exports, which stay resident.
const { hostname } = process.getBuiltinModule("node:os")

/** The platform services that files are reached through. */
export type Platform = FileSystem.FileSystem | Path.Path

/** What one program is made of besides its settings. */
export interface Environment {
  /**
   * Where HTTP_PROXY, HTTPS_PROXY and NO_PROXY are looked up, SSL_CERT_FILE and SSL_CERT_DIR, and what a pod is told of its
   * API server.
   */
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** Packages kept on disk, or nothing kept. */
export const layerCache = (settings: Settings): Layer.Layer<DigestCache, never, Platform> =>
  settings.disableCache
    ? DigestCacheLive.layerDisabled
    : DigestCacheLive.layer({ directory: settings.cacheDirectory, cap: settings.cacheRetentionSize })

/** Registry sources from the API server, where there is one, and the credentials files; says which. */
export const layerCredentials = (
  settings: Settings,
  cluster: Option.Option<Cluster.Cluster>
): Layer.Layer<CredentialStore, never, Platform> => {
  const files = settings.credentialsFiles
  const origins = Option.map(cluster, ({ location }) => ClusterLocation.describe(location))
  const store = Option.match(cluster, {
    onNone: () => CredentialStore.layerFiles(files),
    onSome: ({ layer }) => CredentialStore.layerWatch(files).pipe(Layer.provide(layer))
  })
  const said = [...files, ...Option.toArray(origins)].join(", then ")
  return Layer.unwrap(Effect.as(Effect.logInfo(`Registry credentials come from ${said}`), store))
}

/** Upstream registries over the network. */
export const layerRegistry = ({ variables }: Environment): Layer.Layer<RegistryClient> =>
  RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer({ environment: variables })))

/** Nobody has access: for a program without a secure port. */
export const layerNoAccess: Layer.Layer<Authenticator | Authorizer> = Layer.mergeAll(
  Authenticator.layerDenyAll,
  Authorizer.layerDenyAll
)

/** Access as the API server decides it; without one nobody has any. */
export const layerAccess = (
  cluster: Option.Option<Cluster.Cluster>
): Layer.Layer<Authenticator | Authorizer> =>
  Option.match(cluster, {
    onNone: () => layerNoAccess,
    onSome: ({ layer }) =>
      Layer.mergeAll(Authenticator.layer, Authorizer.layer).pipe(
        Layer.provide(KubernetesReviews.layer),
        Layer.provide(layer)
      )
  })

const isEveryAddress = (host: string): boolean => host === "0.0.0.0" || /^[0:]+$/.test(host)

/** What the secure port of this address serves with. */
const tlsSources = (settings: Settings, { host }: ListenAddress): Sources => ({
  serving: Option.match(Option.all([settings.tlsCertFile, settings.tlsPrivateKeyFile]), {
    onNone: () => ({
      _tag: "SelfSigned",
      names: [
        ...Option.toArray(Option.filter(host, (host) => !isEveryAddress(host))),
        hostname(),
        "localhost",
        "127.0.0.1",
        "::1"
      ]
    }),
    onSome: ([certificate, privateKey]) => ({ _tag: "Files", certificate, privateKey })
  }),
  clientAuthorities: settings.clientCaFile
})

const layerTls = (
  settings: Settings,
  address: ListenAddress
): Layer.Layer<TlsMaterial, UsageError, FileSystem.FileSystem> =>
  TlsMaterial.layer(tlsSources(settings, address)).pipe(
    Layer.catchTag("TlsMaterialError", ({ detail, source }) => {
      const { tlsCertFile, tlsPrivateKeyFile, clientCaFile } = flags
      // A certificate and a key are judged together: the detail says which of the two it is.
      const [flag, ...others] = source === "serving" ? [tlsCertFile, tlsPrivateKeyFile] : [clientCaFile]
      const names = [flag, ...others].map(({ name }) => `--${name}`).join(", ")
      const message = `${names}: ${detail}; accepted: ${flag.accepts}`
      return Layer.effect(TlsMaterial, new UsageError({ message }))
    })
  )

/** Warns of a plain port that other hosts can reach, since it asks nobody who they are. */
const warnOfOpenPort = ({ address }: HttpServer.HttpServer["Service"]): Effect.Effect<void> =>
  address._tag === "UnixPathAddress" || NetAddress.isLoopback(address.address)
    ? Effect.void
    : Effect.logWarning("the plain port has no access control, and other hosts can reach it", {
        flag: `--${flags.listenAddress.name}`,
        address: HttpServer.formatAddress(address)
      })

/**
 * The program without its ports: the HTTP API listening, over whatever cache, credentials and registry are provided.
 * Compose it with mock layers to test against it; `HttpServer` tells the address that was bound, the plain one where
 * there are two. Without `access` nobody gets through the secure port.
 */
export const layerServer = <E = never, R = never>(
  settings: Settings,
  access: Layer.Layer<Authenticator | Authorizer, E, R> | typeof layerNoAccess = layerNoAccess
): Layer.Layer<HttpServer.HttpServer, ServeError | UsageError | E, Services | Platform | R> => {
  const common = { platform: settings.platform, gracePeriod: settings.shutdownGracePeriod }
  const plain = Option.map(settings.listenAddress, ({ listenOptions }) => ({ listen: listenOptions }))
  if (Option.isSome(settings.secureListenAddress)) {
    const address = settings.secureListenAddress.value
    const secure = { listen: address.listenOptions, minVersion: settings.tlsMinVersion }
    return layerSecure({ ...common, plain, secure }).pipe(
      Layer.catchTag("ServeError", (failure) =>
        Layer.effect(HttpServer.HttpServer, Effect.fail(markSecureListener(failure, settings)))
      ),
      Layer.tap((context) =>
        Option.isSome(plain) ? warnOfOpenPort(Context.get(context, HttpServer.HttpServer)) : Effect.void
      ),
      Layer.provide(access),
      Layer.provide(layerTls(settings, address))
    )
  }
  // Settings that listen nowhere are refused before a program is made of them.
  return Layer.unwrap(
    Effect.map(Effect.orDie(Effect.fromOption(plain)), (plain) => layerPlain({ ...common, ...plain }))
  ).pipe(Layer.tap((context) => warnOfOpenPort(Context.get(context, HttpServer.HttpServer))))
}

/** The whole program on a cluster, whose one API all parts share. */
export const layerOn = (
  cluster: Option.Option<Cluster.Cluster>,
  settings: Settings,
  environment: Environment
) =>
  layerServer(settings, layerAccess(cluster)).pipe(
    Layer.provide([layerCache(settings), layerCredentials(settings, cluster), layerRegistry(environment)]),
    Layer.merge(Layer.effectDiscard(IgnoredFlags.warn(settings)))
  )

/** The whole program. */
export const layer = (settings: Settings, environment: Environment) =>
  Layer.unwrap(
    Effect.map(Cluster.choose(settings, environment.variables), (cluster) =>
      layerOn(cluster, settings, environment)
    )
  )
