import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { Authenticator } from "@registry-packages-proxy/access-control/Authenticator"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import { Reviews } from "@registry-packages-proxy/access-control/Reviews"
import { type MaterialSources, TlsMaterial } from "@registry-packages-proxy/tls/TlsMaterial"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import * as NodeUpstream from "@registry-packages-proxy/registry-client/NodeUpstream"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Context, Effect, type FileSystem, Layer, Option, type Path } from "effect"
import { HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import * as NetAddress from "effect/net/NetAddress"
import * as Cluster from "./Cluster.ts"
import { flags } from "./config/Flags.ts"
import { layerPlain, layerSecure, type ApplicationServices } from "./http/server/Listener.ts"
import type { ListenAddress } from "./config/ListenAddress.ts"
import * as IgnoredFlags from "./config/IgnoredFlags.ts"
import type { Settings } from "./config/Settings.ts"
import { markSecureListener } from "./process/StartFailure.ts"
import { UsageError } from "./config/UsageError.ts"

// `getBuiltinModule`, since an import declaration evaluates the module's lazy exports, which stay in memory.
const { hostname } = process.getBuiltinModule("node:os")

/** The platform services that access files. */
export type FileServices = FileSystem.FileSystem | Path.Path

/** The inputs of the program in addition to its settings. */
export interface ProgramOptions {
  /**
   * The environment variables. Of these, the program's layers use HTTP_PROXY, HTTPS_PROXY and NO_PROXY (in upper or
   * lower case), REQUEST_METHOD, SSL_CERT_FILE, SSL_CERT_DIR, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
   */
  readonly env: EnvironmentVariables
}

/** The cache on disk, or a cache that stores nothing if --disable-cache is set. */
export const layerCache = (settings: Settings): Layer.Layer<DigestCache, never, FileServices> =>
  settings.disableCache
    ? DigestCache.layerDisabled
    : DigestCache.layer({ directory: settings.cacheDirectory, cap: settings.cacheRetentionSize })

/**
 * Makes a {@link CredentialStore} that reads the credentials files. If there is a cluster, the store also watches
 * objects in the cluster's API server. Logs the paths of the files and the name of the API server.
 */
export const layerCredentials = (
  settings: Settings,
  cluster: Option.Option<Cluster.Cluster>
): Layer.Layer<CredentialStore, never, FileServices> => {
  const files = settings.credentialsFiles
  const apiServer = Option.map(cluster, ({ location }) => ClusterLocation.describe(location))
  const store = Option.match(cluster, {
    onNone: () => CredentialStore.layerFiles(files),
    onSome: ({ layer }) => CredentialStore.layerWatch(files).pipe(Layer.provide(layer))
  })
  const sources = [...files, ...Option.toArray(apiServer)]
  return Layer.unwrap(Effect.as(Effect.logInfo("reading registry credentials", { sources }), store))
}

/** The client that downloads packages from registries over the network. */
export const layerRegistry = ({ env }: ProgramOptions): Layer.Layer<RegistryClient> =>
  RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer({ env })))

/** The access control of a program without a secure port. It rejects every caller. */
export const layerNoAccess: Layer.Layer<Authenticator | Authorizer> = Layer.mergeAll(
  Authenticator.layerDenyAll,
  Authorizer.layerDenyAll
)

/** Access control by the cluster's API server. Rejects every caller if there is no cluster. */
export const layerAccess = (
  cluster: Option.Option<Cluster.Cluster>
): Layer.Layer<Authenticator | Authorizer> =>
  Option.match(cluster, {
    onNone: () => layerNoAccess,
    onSome: ({ layer }) =>
      Layer.mergeAll(Authenticator.layer, Authorizer.layer).pipe(
        Layer.provide(Reviews.layerKubernetes),
        Layer.provide(layer)
      )
  })

const isEveryAddress = (host: string): boolean => host === "0.0.0.0" || /^[0:]+$/.test(host)

/**
 * Returns the sources of the secure port's certificate and of the authorities for client certificates. Without
 * certificate files, the certificate is self-signed. Its names include `host`, unless `host` means every interface.
 */
const tlsSources = (settings: Settings, { host }: ListenAddress): MaterialSources => ({
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
    Layer.catchTag("TlsMaterialError", ({ certificate, detail }) => {
      const { tlsCertFile, tlsPrivateKeyFile, clientCaFile } = flags
      // A certificate and its key are checked together. `detail` says which of them is wrong.
      const [flag, ...others] = certificate === "serving" ? [tlsCertFile, tlsPrivateKeyFile] : [clientCaFile]
      const names = [flag, ...others].map(({ name }) => `--${name}`).join(", ")
      const message = `${names}: ${detail}; accepted: ${flag.accepts}`
      return Layer.effect(TlsMaterial, new UsageError({ message }))
    })
  )

/** Logs a warning if other hosts can reach the plain port, since it has no access control. */
const warnOfOpenPort = ({ address }: HttpServer.HttpServer["Service"]): Effect.Effect<void> =>
  address._tag === "UnixPathAddress" || NetAddress.isLoopback(address.address)
    ? Effect.void
    : Effect.logWarning("plain port without access control is reachable by other hosts", {
        flag: `--${flags.listenAddress.name}`,
        address: HttpServer.formatAddress(address)
      })

/**
 * The HTTP API and its listeners. `HttpServer` is the plain listener if there is one, else the secure listener. Without
 * `access`, the secure port rejects every caller. The required services may be mocks.
 */
export const layerServer = <E = never, R = never>(
  settings: Settings,
  access: Layer.Layer<Authenticator | Authorizer, E, R> | typeof layerNoAccess = layerNoAccess
): Layer.Layer<
  HttpServer.HttpServer,
  ServeError | UsageError | E,
  ApplicationServices | FileServices | R
> => {
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
  // `Settings.contradiction` has already rejected settings without a listener.
  return Layer.unwrap(
    Effect.map(Effect.orDie(Effect.fromOption(plain)), (plain) => layerPlain({ ...common, ...plain }))
  ).pipe(Layer.tap((context) => warnOfOpenPort(Context.get(context, HttpServer.HttpServer))))
}

/**
 * The whole program, with or without a cluster. If there is a cluster, all parts of the program share one client for
 * its API server.
 */
export const layerWithCluster = (
  cluster: Option.Option<Cluster.Cluster>,
  settings: Settings,
  options: ProgramOptions
) =>
  layerServer(settings, layerAccess(cluster)).pipe(
    Layer.provide([layerCache(settings), layerCredentials(settings, cluster), layerRegistry(options)]),
    Layer.merge(Layer.effectDiscard(IgnoredFlags.warn(settings)))
  )

/** The whole program. `Cluster.choose` selects its API server. */
export const layer = (settings: Settings, options: ProgramOptions) =>
  Layer.unwrap(
    Effect.map(Cluster.choose(settings, options.env), (cluster) =>
      layerWithCluster(cluster, settings, options)
    )
  )
