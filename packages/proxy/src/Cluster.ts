import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import { ApiServer } from "@registry-packages-proxy/kubernetes/ApiServer"
import { Effect, FileSystem, Layer, Option } from "effect"
import * as Flag from "./config/Flag.ts"
import { flags } from "./config/Flags.ts"
import type { Settings } from "./config/Settings.ts"
import { UsageError } from "./config/UsageError.ts"

/** The Kubernetes API server that the program uses for registry credentials and for access control. */
export interface Cluster {
  readonly location: ClusterLocation.ClusterLocation
  /**
   * The client of the API server. Provide this layer object to every part of the program, so that all parts share one
   * client and its connections.
   */
  readonly layer: Layer.Layer<KubernetesApi>
}

/**
 * Makes a cluster with a client that sends requests over the network. The client uses the proxy variables in `env`,
 * such as HTTPS_PROXY.
 */
export const make = (location: ClusterLocation.ClusterLocation, env: EnvironmentVariables): Cluster => ({
  location,
  layer: KubernetesApi.layer.pipe(Layer.provide(ApiServer.layerNode(location, env)))
})

const alternatives = (...given: ReadonlyArray<Flag.Flag<unknown>>): string =>
  given.map((flag) => `--${flag.name} FILE (or ${Flag.variableName(flag)})`).join(" or ")

/**
 * Returns an error message if the program cannot run with these settings and without an API server. With a secure
 * listener, access control requires an API server. Without credentials files, only an API server can provide
 * credentials.
 */
const contradiction = (
  settings: Settings,
  inCluster: Option.Option<ClusterLocation.InCluster>
): Option.Option<string> => {
  if (Option.isSome(settings.secureListenAddress)) {
    const otherwise = Option.match(inCluster, {
      onNone: () => "run in a Kubernetes cluster",
      onSome: (location) =>
        `give this pod a service account, whose token would be ${ClusterLocation.tokenFile(location)}`
    })
    return Option.some(
      `--${flags.secureListenAddress.name}: access control requires an API server; ` +
        `give ${alternatives(flags.kubeconfig)}, or ${otherwise}`
    )
  }
  if (settings.credentialsFiles.length > 0) return Option.none()
  const sources = alternatives(flags.kubeconfig, flags.credentialsFiles)
  return Option.some(`no source of registry credentials; give ${sources}, or run in a Kubernetes cluster`)
}

/**
 * Returns the cluster of the kubeconfig if --kubeconfig is set, else the cluster in which this pod runs. If credentials
 * files are set, the pod's cluster is used only if the pod has a service account token. If there is no cluster to use,
 * returns none, or fails if the settings require an API server.
 */
export const choose = Effect.fnUntraced(function* (
  settings: Settings,
  env: EnvironmentVariables
): Effect.fn.Return<Option.Option<Cluster>, UsageError, FileSystem.FileSystem> {
  if (Option.isSome(settings.kubeconfig)) {
    return Option.some(make(ClusterLocation.kubeconfig(settings.kubeconfig.value), env))
  }
  const inCluster = ClusterLocation.inCluster(env)
  if (Option.isSome(inCluster)) {
    const fs = yield* FileSystem.FileSystem
    const hasToken = Effect.orElseSucceed(fs.exists(ClusterLocation.tokenFile(inCluster.value)), () => false)
    if (settings.credentialsFiles.length === 0 || (yield* hasToken))
      return Option.some(make(inCluster.value, env))
  }
  const message = contradiction(settings, inCluster)
  return Option.isSome(message) ? yield* new UsageError({ message: message.value }) : Option.none()
})
